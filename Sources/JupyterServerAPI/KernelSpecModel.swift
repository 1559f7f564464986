public import JupyterProtocol

/// A kernelspec as the API shows it.
public struct KernelSpecModel: Hashable, Sendable {
    /// The name by which kernels are started.
    public var name: String
    /// What `kernel.json` says (Jupyter client, "Kernel specs").
    public var spec: JSONValue
    /// The names of the files beside it.
    public var files: [String]

    /// Describes a kernelspec.
    public init(name: String, spec: JSONValue, files: [String]) {
        self.name = name
        self.spec = spec
        self.files = files
    }

    /// Whether a file beside the kernelspec is one that clients are shown.
    public static func isResource(_ file: String) -> Bool {
        file == "kernel.js" || file == "kernel.css"
            || (file.hasPrefix("logo-") && !file.utf8.contains { [UInt8(ascii: "/"), 0].contains($0) })
    }

    /// The JSON, with the URLs of scripts, styles and logos as resources: the latter by their names without the
    /// extension.
    public func json(at place: APIPlace) -> JSONValue {
        var resources: [String: JSONValue] = [:]
        for file in files where KernelSpecModel.isResource(file) {
            let dot = file.hasPrefix("logo-") ? file.lastIndex(of: ".") : nil
            resources[String(file[..<(dot ?? file.endIndex)])] = .string(place.kernelSpecFile(file, of: name))
        }
        return ["name": .string(name), "spec": spec, "resources": .object(resources)]
    }

    /// The answer to `GET /api/kernelspecs`.
    public static func list(_ specs: [KernelSpecModel], default name: String, at place: APIPlace) -> JSONValue {
        let members = specs.map { ($0.name, $0.json(at: place)) }
        return ["default": .string(name), "kernelspecs": .object(Dictionary(members) { _, last in last })]
    }
}
