import JupyterProtocol

/// What a client's message to a terminal asks for: a JSON list that begins with a word (terminado, "Websocket
/// protocol").
public enum TerminalRequest: Hashable, Sendable {
    /// Text that was typed.
    case input(String)
    /// The size of what shows the terminal, in characters.
    case size(rows: UInt16, columns: UInt16)

    /// Reads a text message; nil for a word that is not known, or a size that is none, which mean nothing. Throws for
    /// what is no list with a word.
    public init?(parsing bytes: [UInt8]) throws(TerminalError) {
        guard let list = try? JSONValue(parsing: bytes), let parts = list.arrayValue,
            let word = parts.first?.stringValue
        else { throw TerminalError.malformed }
        switch word {
        case "stdin":
            guard parts.count >= 2, let text = parts[1].stringValue else { throw TerminalError.malformed }
            self = .input(text)
        case "set_size":
            guard parts.count >= 3, let rows = parts[1].integerValue.flatMap(UInt16.init(exactly:)),
                let columns = parts[2].integerValue.flatMap(UInt16.init(exactly:)), rows > 0, columns > 0
            else { return nil }
            self = .size(rows: rows, columns: columns)
        default: return nil
        }
    }
}

/// Why a client's message is none to a terminal.
public enum TerminalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is no JSON list that begins with a word, or lacks what the word needs.
    case malformed

    /// The sentence for a user.
    public var description: String { "a terminal's message is not a list that begins with a word" }
}
