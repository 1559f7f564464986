public import JupyterProtocol
import JupyterServerAPI

/// The kernelspecs that a server offers.
public struct KernelSpecs: Sendable {
    /// A kernelspec.
    public struct Spec: Sendable {
        let model: KernelSpecModel
        let files: [String: [UInt8]]

        /// Describes a kernelspec: its kernel.json, and the files beside it.
        public init(name: String, spec: JSONValue, files: [String: [UInt8]]) {
            model = KernelSpecModel(name: name, spec: spec, files: files.keys.sorted())
            self.files = files
        }
    }

    let specs: [Spec]

    /// Offers these; the first one is the default.
    public init(_ specs: [Spec]) {
        self.specs = specs
    }

    var defaultName: String { specs.first?.model.name ?? "" }

    /// The kernelspec of a name; for `python` also that of Python 3, which Jupyter's clients mean by it.
    func spec(_ name: String) -> Spec? {
        specs.first { $0.model.name == name } ?? (name == "python" ? specs.first { $0.model.name == "python3" } : nil)
    }

    /// The type of a file beside a kernelspec.
    static func mediaType(_ file: String) -> String {
        switch file.split(separator: ".").last {
        case "png": "image/png"
        case "svg": "image/svg+xml"
        case "js": "text/javascript"
        case "css": "text/css"
        case "json": "application/json"
        default: "application/octet-stream"
        }
    }
}
