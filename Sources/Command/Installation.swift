import Glibc

/// Where this husk's own files are.
struct Installation {
    /// The folder of the programs.
    let programs: String
    /// The folder with a folder for each language.
    let kernels: String

    var keeper: String { "\(programs)/husk-keeper" }

    /// The files beside the running program, installed or in a build folder of the source tree.
    static func current() throws -> Installation {
        guard let program = Files.resolved("/proc/self/exe") else { throw Failure("/proc is not mounted") }
        let programs = Files.parent(program)
        var folder = programs
        let installed = "\(Files.parent(programs))/share/husk/kernels"
        if Files.isDirectory(installed) { return Installation(programs: programs, kernels: installed) }
        while folder != "/" {
            folder = Files.parent(folder)
            let kernels = "\(folder)/Kernels"
            if Files.exists("\(kernels)/python/kernel.json") {
                return Installation(programs: programs, kernels: kernels)
            }
        }
        throw Failure("the Kernels folder is missing; install husk whole, or run it from its source tree")
    }
}
