import ArgumentParser
import AsyncHTTPClient
import Glibc
import JupyterProtocol
import NIOCore
import NIOHTTP1

/// `husk logs`: what the cells of a kernel of the server have printed.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "husk logs", abstract: "Show what the cells of a kernel of the running server print.")

    @Argument(help: "The kernel's id, as husk ps shows it.")
    var kernel: String

    @Flag(help: "Go on with what is printed from now on.")
    var follow = false

    @Option(help: "Begin behind this event; each has a number, in metadata.husk.seq and with --json.")
    var since: UInt64 = 0

    @Flag(help: "Show whole events, one a line.")
    var json = false

    @Option(help: "The server's folder for sockets and journals.")
    var state: String?

    func run() async throws {
        let kernel = kernel
        let path = "/events?since=\(since)&follow=\(follow ? 1 : 0)"
        let isJSON = json
        try await ServerClient.using(state) { server in
            var rest: [UInt8] = []
            let body = try await server.ask(.GET, kernel: kernel, path)
            do {
                for try await part in body {
                    rest.append(contentsOf: part.readableBytesView)
                    guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else { continue }
                    for line in rest[...end].split(separator: UInt8(ascii: "\n")) {
                        LogsCommand.show(Array(line), isJSON)
                    }
                    rest.removeSubrange(...end)
                }
            } catch { throw server.lost(error) }
        }
    }

    /// Text goes where the cell has sent it; an error's traceback is one more text.
    private static func show(_ line: [UInt8], _ isJSON: Bool) {
        if isJSON { return write(line + [UInt8(ascii: "\n")], to: 1) }
        guard let event = try? JSONValue(parsing: line) else { return }
        if let dropped = event["dropped"]?.integerValue {
            return write(Array("husk logs: \(dropped) records before this one were dropped.\n".utf8), to: 2)
        }
        let content = event["content"]
        switch event["header"]?["msg_type"]?.stringValue {
        case "stream":
            let text = content?["text"]?.stringValue ?? ""
            write(Array(text.utf8), to: content?["name"]?.stringValue == "stderr" ? 2 : 1)
        case "execute_result", "display_data":
            if let text = content?["data"]?["text/plain"]?.stringValue { write(Array("\(text)\n".utf8), to: 1) }
        case "error":
            let lines = content?["traceback"]?.arrayValue?.compactMap(\.stringValue) ?? []
            write(Array(lines.map { "\($0)\n" }.joined().utf8), to: 2)
        default: break
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { Glibc.exit(errno == EPIPE ? 0 : 1) }
            rest = rest.dropFirst(count)
        }
    }
}
