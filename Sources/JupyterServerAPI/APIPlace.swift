/// The URLs of what the API has made, for `Location` headers.
public struct APIPlace: Hashable, Sendable {
    /// What stands before `api/`: begins and ends with a slash.
    public let base: String

    /// Takes a base URL; slashes at its ends may be missing.
    public init(base: String = "/") {
        let inner = base.split(separator: "/").joined(separator: "/")
        self.base = inner.isEmpty ? "/" : "/\(inner)/"
    }

    /// A kernel.
    public func kernel(_ id: String) -> String { "\(base)api/kernels/\(PercentEncoding.encoded(path: id))" }

    /// A cell that a kernel was given to run.
    public func execution(_ id: String, of kernel: String) -> String { "\(self.kernel(kernel))/requests/\(id)" }

    /// Where a kernel takes lines of input.
    public func input(of kernel: String) -> String { "\(self.kernel(kernel))/input" }

    /// A session.
    public func session(_ id: String) -> String { "\(base)api/sessions/\(id)" }

    /// A file or folder.
    public func contents(_ path: String) -> String { "\(base)api/contents/\(PercentEncoding.encoded(path: path))" }

    /// A checkpoint of a file.
    public func checkpoint(_ id: String, of path: String) -> String {
        "\(contents(path))/checkpoints/\(PercentEncoding.encoded(path: id))"
    }

    /// A file beside a kernelspec.
    public func kernelSpecFile(_ file: String, of name: String) -> String { "\(base)kernelspecs/\(name)/\(file)" }
}
