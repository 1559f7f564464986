import Crypto
import Glibc
import JupyterProtocol
import LinuxKit

/// Systems to be seen inside sandboxes, unpacked once each.
///
/// Archives are unpacked by programs that are made for it: tar, umoci and skopeo. What they leave is never trusted:
/// sandboxes mount its parts read-only, without devices and set-uid programs, and nobody outside follows its links.
struct ImageStore {
    private let folder: String

    /// A store below a folder of what can be made again.
    init(data: String) throws {
        folder = "\(data)/images"
        // What root unpacks may hold set-uid programs and devices: nobody else may come near them.
        mkdir(folder, 0o700)
        if let reason = Directory.reasonNotToTrust(folder) { throw Failure("\(folder) cannot be used: \(reason)") }
        chmod(folder, 0o700)
    }

    /// The folder with the system that a text names: a folder, a tar file, or an OCI layout with its tag (`latest`).
    func folder(of text: String) throws -> String {
        if let path = Files.resolved(text) {
            if Files.isDirectory(path) {
                return Files.exists("\(path)/oci-layout") ? try unpackLayout(path, tag: "latest") : path
            }
            return try unpackArchive(path)
        }
        if let colon = text.lastIndex(of: ":"), let path = Files.resolved(String(text[..<colon])),
            Files.exists("\(path)/oci-layout")
        {
            return try unpackLayout(path, tag: String(text[text.index(after: colon)...]))
        }
        throw Failure("--image \(text): there is no such file", status: Failure.usage)
    }

    private func unpackArchive(_ path: String) throws -> String {
        let names = try ToolRun(
            "tar", ["--list", "--file", path], hint: "it must be a tar file", of: "--image \(path)"
        ).output
        let entries = names.split(separator: "\n").map { $0.hasPrefix("./") ? $0.dropFirst(2) : $0[...] }
        return try once(stamp(path)) { target in
            if entries.contains("oci-layout") {
                let layout = "\(target).layout"
                defer { Directory.removeTree(layout) }
                try ToolRun(
                    "skopeo", ["--insecure-policy", "copy", "--quiet", "oci-archive:\(path)", "oci:\(layout):latest"],
                    hint: "apt install skopeo", of: "--image \(path)")
                return try unpack(layout, tag: "latest", to: target)
            }
            try Files.makeDirectories("\(target)/rootfs")
            // tar itself refuses names that lead out, and makes links last (tar(1), --absolute-names).
            try ToolRun(
                "tar",
                [
                    "--extract", "--file", path, "--directory", "\(target)/rootfs", "--no-same-owner",
                    "--exclude=dev/*",
                    "--exclude=./dev/*", "--delay-directory-restore",
                ], hint: "it must be a tar file of a whole system", of: "--image \(path)")
        }
    }

    private func unpackLayout(_ path: String, tag: String) throws -> String {
        guard tag.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }), !tag.isEmpty else {
            throw Failure("--image \(path): \(tag) is no tag", status: Failure.usage)
        }
        return try once(stamp("\(path)/index.json") + tag) { try unpack(path, tag: tag, to: $0) }
    }

    private func unpack(_ layout: String, tag: String, to target: String) throws {
        try ToolRun(
            "umoci", ["unpack"] + (geteuid() == 0 ? [] : ["--rootless"]) + ["--image", "\(layout):\(tag)", target],
            hint: "apt install umoci", of: "--image \(layout)")
    }

    /// Makes a folder under the name of a key, unless it is there; whole or not at all.
    private func once(_ key: String, _ make: (String) throws -> Void) throws -> String {
        let digest = Hexadecimal.text(of: SHA256.hash(data: Array(key.utf8)).prefix(16))
        let place = "\(folder)/\(digest)"
        if Files.isDirectory("\(place)/rootfs") { return "\(place)/rootfs" }
        let making = "\(place).\(getpid())"
        defer { Directory.removeTree(making) }
        try make(making)
        guard Files.isDirectory("\(making)/rootfs") else { throw Failure("the image holds no system") }
        // Another process may have been faster, with the same result.
        if rename(making, place) != 0, !Files.isDirectory("\(place)/rootfs") {
            throw SystemError("rename", errno, on: place)
        }
        return "\(place)/rootfs"
    }

    /// Says which version of a file it is.
    private func stamp(_ path: String) -> String {
        var status = Glibc.stat()
        guard stat(path, &status) == 0 else { return path }
        return
            "\(path) \(status.st_dev) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec) \(status.st_mtim.tv_nsec)"
    }
}
