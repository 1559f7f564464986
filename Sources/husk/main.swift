import Command

HuskProgram.main()
