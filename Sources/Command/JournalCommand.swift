import ArgumentParser
import EventJournal
import JupyterProtocol
import LinuxKit

/// `husk journal`: a kernel's journal as JSON lines, for tests and operators.
struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal", abstract: "Print what a kernel's journal holds, a JSON object a line.")

    @Option(help: "The state directory.")
    var state: String

    @Argument(help: "The kernel's name in it; not needed when there is one.")
    var kernel: String?

    func run() throws {
        try Failure.report("journal") {
            for record in try Journal.inspect(try folder()) {
                var line: JSONValue = [
                    "sequence": .integer(Int64(clamping: record.sequence)), "time": .integer(record.time),
                    "kind": .string(JournalCommand.names[record.kind] ?? "\(record.kind)"),
                    "frame": .integer(Int64(clamping: record.frame)),
                    "request": .integer(Int64(clamping: record.request)),
                    "bytes": .integer(Int64(record.payload.count)),
                ]
                if record.kind == 2, record.flags & 0x7f != 1 {
                    line["text"] = .string(String(decoding: record.payload, as: UTF8.self))
                }
                print(TerminalText.json(line))
            }
        }
    }

    private static let names: [UInt8: String] = [
        1: "request", 2: "frame", 3: "publish", 4: "reply", 5: "stdin", 6: "death", 7: "snapshot", 8: "leftover",
        9: "usage",
    ]

    /// The folder of the named kernel, or of the only one; of those that died when none lives.
    private func folder() throws -> String {
        let state = Files.absolute(state)
        for parent in ["kernels", "ended"] {
            let names = Directory.entries("\(state)/\(parent)")
            if let kernel, names.contains(kernel) { return "\(state)/\(parent)/\(kernel)" }
            guard kernel == nil, let first = names.first else { continue }
            guard names.count == 1 else {
                throw Failure(
                    "\(state)/\(parent) holds \(names.count) kernels; name one of \(names.joined(separator: ", "))")
            }
            return "\(state)/\(parent)/\(first)"
        }
        throw Failure("\(state): there is no kernel\(kernel.map { " " + $0 } ?? "")")
    }
}
