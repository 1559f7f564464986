import Glibc
import JupyterProtocol
import LinuxKit
import NotebookFormat
import Replay

/// Shows cells and what they print on a terminal, as it comes.
final class CellPrinter {
    private let isQuiet: Bool
    private let pictures: HeldFolder?
    /// What the user calls it.
    private let folder: String
    private let isTerminal = isatty(1) == 1
    private var pictureCount = 0
    private var isAtLineStart = true

    init(isQuiet: Bool, pictures: HeldFolder?, folder: String) {
        self.isQuiet = isQuiet
        self.pictures = pictures
        self.folder = folder
    }

    func begin(_ name: String, limits: [String]) {
        line(faint("\(name) in a sandbox; in force:"))
        for limit in limits { line(faint("  \(limit)")) }
    }

    func prose(_ cell: NotebookCell) {
        guard !cell.isCode else { return }
        line("")
        for text in cell.source.split(separator: "\n", omittingEmptySubsequences: false) { line(bold(String(text))) }
    }

    func source(_ cell: NotebookCell) {
        line("")
        for text in cell.source.split(separator: "\n", omittingEmptySubsequences: false) {
            line(colour("36", "│ \(text)"))
        }
    }

    /// A cell that another client runs.
    func other(_ source: String) {
        for text in source.split(separator: "\n", omittingEmptySubsequences: false) {
            line(colour("36", "│ \(TerminalText.safe(String(text)))"))
        }
    }

    func event(_ type: String, _ content: JSONValue) {
        switch type {
        case "stream": write(content["text"]?.stringValue ?? "")
        case "error": for text in content["traceback"]?.arrayValue ?? [] { line(text.stringValue ?? "") }
        case "display_data", "execute_result", "update_display_data": display(content["data"]?.objectValue ?? [:])
        default: break
        }
    }

    func difference(_ index: Int, _ text: String) {
        line(colour("31", "Cell \(index) gave something else than what is stored:"))
        for text in text.split(separator: "\n", omittingEmptySubsequences: false) {
            line(
                text.hasPrefix("-")
                    ? colour("31", String(text)) : text.hasPrefix("+") ? colour("32", String(text)) : String(text))
        }
    }

    func failure(_ index: Int, _ outcome: String) {
        line(colour("31", "Cell \(index): \(outcome)."))
    }

    func end(ran: Int, failed: Int, seconds: Double) {
        line("")
        let summary = "\(ran) cells ran in \(seconds) s, \(failed == 0 ? "all as they should" : "\(failed) failed")."
        line(failed == 0 ? colour("32", summary) : colour("31", summary))
    }

    private func display(_ data: [String: JSONValue]) {
        if let image = data["image/png"]?.stringValue {
            show(image.filter { !$0.isWhitespace })
        } else if let text = (data["text/plain"] ?? data["text/markdown"])?.stringValue {
            line(text)
        }
    }

    /// A picture: in the terminal where one of the two common protocols works, and in the folder that was named.
    private func show(_ base64: String) {
        // What is no picture could be anything, for a terminal too.
        guard let bytes = Base64.decode(base64) else { return line("[a picture that is none]") }
        pictureCount += 1
        if isTerminal, !isQuiet {
            if Environment["TERM_PROGRAM"] == "iTerm.app" || Environment["TERM_PROGRAM"] == "WezTerm" {
                raw("\u{1b}]1337;File=inline=1:\(base64)\u{7}\n")
            } else if Environment["KITTY_WINDOW_ID"] != nil {
                var rest = base64[...]
                var control = "a=T,f=100,"
                while !rest.isEmpty {
                    let part = rest.prefix(4096)
                    rest = rest.dropFirst(4096)
                    raw("\u{1b}_G\(control)m=\(rest.isEmpty ? 0 : 1);\(part)\u{1b}\\")
                    control = ""
                }
                raw("\n")
            }
        }
        guard let pictures else {
            return line("[a picture, \(base64.count * 3 / 4) bytes of PNG]")
        }
        let name = "picture-\(pictureCount).png"
        do throws(SystemError) {
            try pictures.write(bytes, to: name)
            line("[a picture, saved as \(folder)/\(name)]")
        } catch {
            line("[a picture that could not be saved: \(error)]")
        }
    }

    private func line(_ text: String) {
        write(isAtLineStart ? "\(text)\n" : "\n\(text)\n")
    }

    /// Text of a sandbox: on a terminal without the sequences that do more than colour.
    func write(_ text: String) {
        guard !isQuiet, !text.isEmpty else { return }
        isAtLineStart = text.last == "\n"
        raw(isTerminal ? TerminalText.safe(text) : OutputComparison.plain(text))
    }

    private func raw(_ text: String) {
        let bytes = Array(text.utf8)
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { source in
                source.baseAddress.map { Glibc.write(1, $0 + offset, bytes.count - offset) } ?? 0
            }
            guard count > 0 || errno == EINTR else { return }
            offset += max(0, count)
        }
    }

    private func colour(_ code: String, _ text: String) -> String {
        isTerminal ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text
    }

    private func bold(_ text: String) -> String { colour("1", text) }
    private func faint(_ text: String) -> String { colour("2", text) }
}

/// Text from inside a sandbox, made harmless for a terminal.
enum TerminalText {
    /// JSON in one line, in which every control is written by its number, those too that JSON may hold as they are.
    static func json(_ value: JSONValue) -> String {
        var result = ""
        for scalar in String(decoding: value.encoded(), as: UTF8.self).unicodeScalars {
            if (0x7f...0x9f).contains(scalar.value) {
                result += "\\u00" + String(scalar.value, radix: 16)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Keeps line ends, tabs, carriage returns and colour sequences; every other control becomes visible.
    static func safe(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var scalars = Array(text.unicodeScalars)[...]
        while let scalar = scalars.popFirst() {
            switch scalar.value {
            case 0x0a, 0x09, 0x0d, 0x20...0x7e, 0xa0...: result.append(scalar)
            case 0x1b:
                if scalars.first == "[",
                    let end = scalars.dropFirst().firstIndex(where: { $0 != ";" && !("0"..."9" ~= $0) }),
                    scalars[end] == "m"
                {
                    result.append(scalar)
                    result.append(contentsOf: scalars[...end])
                    scalars = scalars[(end + 1)...]
                } else {
                    result.append("\u{241b}")
                }
            default: result.append("\u{fffd}")
            }
        }
        return String(result)
    }
}

/// Base64 of RFC 4648.
enum Base64 {
    static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        var count = 0
        for byte in text.utf8 where byte != UInt8(ascii: "=") {
            let value: UInt8
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - 65
            case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - 71
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte + 4
            case UInt8(ascii: "+"): value = 62
            case UInt8(ascii: "/"): value = 63
            default: return nil
            }
            bits = bits << 6 | UInt32(value)
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            }
        }
        return bytes
    }
}
