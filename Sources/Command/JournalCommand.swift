import ArgumentParser
import EventJournal
import Glibc
import JupyterProtocol

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
            let folder = "\(Files.absolute(state))/kernels"
            let name = try kernel ?? onlyKernel(in: folder)
            for record in try Journal.inspect("\(folder)/\(name)") {
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
                print(String(decoding: line.encoded(), as: UTF8.self))
            }
        }
    }

    private static let names: [UInt8: String] = [
        1: "request", 2: "frame", 3: "publish", 4: "reply", 5: "stdin", 6: "death", 7: "snapshot", 8: "leftover",
    ]

    private func onlyKernel(in folder: String) throws -> String {
        guard let directory = opendir(folder) else { throw Failure("\(folder): there is no kernel") }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        guard let name = names.first, names.count == 1 else {
            throw Failure(
                "\(folder) holds \(names.count) kernels; name one of \(names.sorted().joined(separator: ", "))")
        }
        return name
    }
}
