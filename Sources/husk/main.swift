import Command

HuskCommand.main()
