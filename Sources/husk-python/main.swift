import Glibc
import PythonHost

exit(PythonHost.main(arguments: CommandLine.arguments))
