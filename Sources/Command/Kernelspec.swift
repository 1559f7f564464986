import JupyterProtocol
import LinuxKit

/// The kernelspec that a client has started, for the variables that it gives the kernel.
struct Kernelspec {
    /// Names and values, as the client has set them.
    let variables: [String]

    /// Reads the specification in a folder. A client that does not know `{resource_dir}` names none.
    init(folder: String) throws {
        guard folder != "{resource_dir}" else {
            variables = []
            return
        }
        do {
            let specification = try JSONValue(parsing: try WholeFile.read("\(folder)/kernel.json"))
            // Clients fill in what the values refer to, and start the kernel with the outcome.
            variables = (specification["env"]?.objectValue ?? [:]).sorted { $0.key < $1.key }.compactMap {
                name, value in
                (Environment[name] ?? value.stringValue).map { "\(name)=\($0)" }
            }
        } catch {
            throw Failure("--kernelspec \(folder): its kernel.json cannot be read", status: Failure.usage)
        }
    }
}
