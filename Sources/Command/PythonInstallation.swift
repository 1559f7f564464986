import Glibc
import KeeperWire
import LinuxKit

/// A Python that can be a kernel, and what of it a sandbox has to see. The one place of the command line that knows
/// the language.
struct PythonInstallation {
    /// Inside a sandbox: the Python side of the kernel, and its libraries.
    private static let insidePackages = "/opt/husk/python"
    private static let insideLibraries = "/opt/husk/lib"
    private static let libraries = ["libhusk-channel.so", "libhusk-python-stream.so"]
    /// The Python whose library the warm host is linked with.
    private static let linked = "/usr/bin/python3"

    /// The program, with the last links kept: they tell which virtual environment it is of.
    let program: String
    /// The environment's folder, or the whole installation's.
    private let prefix: String
    /// The installation under a virtual environment.
    private let base: String
    private let isVirtual: Bool
    private let isLinked: Bool

    /// Looks at the Python that the user names, or at the one of the active virtual environment, or the system's.
    init(_ named: String?) throws {
        let wanted = named ?? Environment["HUSK_PYTHON"] ?? Environment["VIRTUAL_ENV"].map { "\($0)/bin/python3" }
        program = Files.absolute(wanted ?? PythonInstallation.linked)
        guard Files.exists(program), let real = Files.resolved(program) else {
            throw Failure("--python \(program): there is no such file", status: Failure.usage)
        }
        guard !Files.isDirectory(real), access(real, X_OK) == 0 else {
            throw Failure(
                "--python \(program): it is not a program; name the python3 in the bin folder", status: Failure.usage)
        }
        guard Files.name(real).hasPrefix("python") || Files.name(real).hasPrefix("pypy") else {
            throw Failure("--python \(program): it is not a Python but \(real)", status: Failure.usage)
        }
        let folder = Files.parent(Files.parent(program))
        isVirtual = Files.exists("\(folder)/pyvenv.cfg")
        base = Files.parent(Files.parent(real))
        prefix = isVirtual ? folder : base
        isLinked = Files.resolved(PythonInstallation.linked) == real
    }

    /// The Python of an image, at a path in it. Nobody runs it outside to see what it is.
    init(_ named: String?, in image: String) throws {
        let root = try RootedDirectory(image)
        let usual = ["/usr/local/bin/python3", "/usr/bin/python3", "/opt/conda/bin/python3"]
        guard let found = (named.map { [$0] } ?? usual).first(where: { root.hasProgram(String($0.drop { $0 == "/" })) })
        else {
            throw Failure(
                "--image \(image): there is no \(named ?? "python3") in it; name one by --python", status: Failure.usage
            )
        }
        program = found
        prefix = Files.parent(Files.parent(found))
        base = "/usr"
        isVirtual = false
        isLinked = false
    }

    /// Other names of the installation, by which the program's links and the environment's configuration name it.
    private var aliases: Set<String> {
        let homes = Files.way(of: program).map { Files.parent(Files.parent($0)) }
        return Set(homes.filter { $0 != base && $0 != prefix && Files.resolved($0) == base })
    }

    /// What is mounted for it, beside the system's own directories.
    func mounts(_ installation: Installation) -> [SandboxSpec.Mount] {
        var mounts = [
            SandboxSpec.Mount(
                host: "\(installation.kernels)/python", inside: PythonInstallation.insidePackages, mode: .readOnly)
        ]
        for library in PythonInstallation.libraries {
            mounts.append(
                .init(
                    host: "\(installation.programs)/\(library)",
                    inside: "\(PythonInstallation.insideLibraries)/\(library)", mode: .readOnly))
        }
        if base != "/usr" { mounts.append(.init(host: base, inside: base, mode: .readOnly)) }
        for place in aliases { mounts.append(.init(host: base, inside: place, mode: .readOnly)) }
        if isVirtual {
            // Packages can be installed, and are gone with the sandbox.
            let isOwn = geteuid() == 0 || access(prefix, W_OK) == 0
            for place in Set(Files.way(of: prefix) + [Files.resolved(prefix) ?? prefix]) {
                mounts.append(.init(host: prefix, inside: place, mode: isOwn ? .overlay : .readOnly))
            }
        }
        return mounts
    }

    /// What only a starting Python heeds: a forked one has started already. The rest is applied after the fork.
    private static let startVariables: Set = [
        "PYTHONCASEOK", "PYTHONCOERCECLOCALE", "PYTHONDEBUG", "PYTHONDEVMODE", "PYTHONDUMPREFS", "PYTHONDUMPREFSFILE",
        "PYTHONHASHSEED", "PYTHONINSPECT", "PYTHONMALLOC", "PYTHONMALLOCSTATS",
        "PYTHONNODEBUGRANGES", "PYTHONNOUSERSITE", "PYTHONOPTIMIZE", "PYTHONPERFSUPPORT", "PYTHONPLATLIBDIR",
        "PYTHONPROFILEIMPORTTIME", "PYTHONSAFEPATH", "PYTHONUTF8", "PYTHONVERBOSE", "PYTHONWARNDEFAULTENCODING",
        "PYTHON_CPU_COUNT", "PYTHON_FROZEN_MODULES", "PYTHON_GIL", "PYTHON_JIT", "PYTHON_PERF_JIT_SUPPORT",
    ]

    private static func needsStart(_ variable: String) -> Bool {
        let parts = variable.split(separator: "=", maxSplits: 1)
        // Without a value a variable means nothing to Python.
        return parts.count == 2 && startVariables.contains(String(parts[0])) && variable != "PYTHONHASHSEED=random"
    }

    /// How it is started.
    ///
    /// - Parameters:
    ///   - environment: its variables.
    ///   - arguments: what its own side of the kernel is told.
    func door(_ installation: Installation, _ environment: [String], _ arguments: [String]) -> InterpreterSpec.Door {
        if isLinked, !environment.contains(where: PythonInstallation.needsStart) {
            return .fork(
                profile: .init(
                    program: "\(installation.programs)/husk-python",
                    arguments: [program, "\(installation.kernels)/python", installation.programs]))
        }
        // The version comes first, in words that every Python understands.
        let start =
            "import sys; sys.version_info >= (3, 11) or sys.exit('husk: %s is Python %s; a kernel needs 3.11 or later'"
            + " % (sys.executable, sys.version.split()[0])); sys.path.insert(0, '\(PythonInstallation.insidePackages)'); "
            + "from husk_kernel.exec_door import main; main()"
        return .exec(path: program, arguments: ["-c", start] + arguments)
    }

    /// Variables that it needs.
    var environment: [String] {
        let path = "/usr/local/bin:/usr/bin:/bin"
        return ["PATH=\(prefix == "/usr" ? "" : "\(prefix)/bin:")\(path)"]
            + (isVirtual ? ["VIRTUAL_ENV=\(prefix)"] : [])
    }
}
