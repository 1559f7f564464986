/// Texts as Python's `repr` shows them, which Jupyter Server's messages have in them.
public enum PythonText {
    /// The text in quotes: single ones, unless it has single ones and no double ones.
    public static func quoted(_ text: String) -> String {
        let quote: Unicode.Scalar = text.contains("'") && !text.contains("\"") ? "\"" : "'"
        var result = String.UnicodeScalarView()
        result.append(quote)
        for scalar in text.unicodeScalars {
            switch scalar {
            case quote, "\\": result.append(contentsOf: ["\\", scalar])
            case "\n": result.append(contentsOf: "\\n".unicodeScalars)
            case "\r": result.append(contentsOf: "\\r".unicodeScalars)
            case "\t": result.append(contentsOf: "\\t".unicodeScalars)
            case _ where scalar.value < 0x20 || (0x7f..<0xa1).contains(scalar.value) || scalar.value == 0xad:
                let digits = String(scalar.value, radix: 16)
                result.append(contentsOf: (digits.count < 2 ? "\\x0" : "\\x").unicodeScalars)
                result.append(contentsOf: digits.unicodeScalars)
            default: result.append(scalar)
            }
        }
        result.append(quote)
        return String(result)
    }

    /// Bytes as Python shows them, the first forty of more.
    public static func quoted(_ bytes: [UInt8]) -> String {
        let text = quoted(String(String.UnicodeScalarView(bytes.prefix(40).map { Unicode.Scalar($0) })))
        // Of a text the characters from 0xa1 on are shown; of bytes they never are.
        let hidden = text.unicodeScalars.map { $0.value < 0x80 ? String($0) : "\\x\(String($0.value, radix: 16))" }
        return "b" + hidden.joined()
    }
}
