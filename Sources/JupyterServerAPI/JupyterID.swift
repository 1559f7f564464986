/// The ids of kernels and sessions: five words with hyphens between them, such as a UUID.
public enum JupyterID {
    /// Characters that an id may have, so that it fits where names of files are made of it.
    public static let maximumLength = 128

    /// Whether a text has the form of an id. Jupyter Server allows letters of any script; here they are ASCII.
    public static func isValid(_ id: some StringProtocol) -> Bool {
        guard id.utf8.count <= maximumLength else { return false }
        let words = id.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        return words.count == 5 && words.allSatisfy { !$0.isEmpty && $0.allSatisfy(isWord) }
    }

    /// A new id: a random UUID (RFC 9562, version 4).
    public static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    static func random(using generator: inout some RandomNumberGenerator) -> String {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The id of the kernel of a server that has a name in the state directory: `<id>-<number>`, with another number after
    /// each restart. Nil for a kernel that is no server's.
    public static func ofKernel(named name: String) -> String? {
        guard let hyphen = name.utf8.lastIndex(of: UInt8(ascii: "-")) else { return nil }
        let number = name.utf8[hyphen...].dropFirst()
        guard !number.isEmpty, number.allSatisfy({ (0x30...0x39).contains($0) }), isValid(name[..<hyphen]) else {
            return nil
        }
        return String(name[..<hyphen])
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
