import Glibc
import Keeper
import SandboxInit

// One program with two jobs, so that the keeper and every PID 1 share its pages.
if CommandLine.arguments.first == "husk-init" { SandboxInit.run() }
exit(KeeperProgram.main(arguments: CommandLine.arguments))
