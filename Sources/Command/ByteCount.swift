import ArgumentParser

/// A number of bytes as people write it.
struct ByteCount: Hashable, ExpressibleByArgument {
    let bytes: UInt64

    init?(argument text: String) {
        var digits = text.uppercased()
        if digits.hasSuffix("IB") { digits.removeLast(2) } else if digits.hasSuffix("B") { digits.removeLast() }
        let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
        var shift: UInt64 = 0
        if let last = digits.last, let found = shifts[last] {
            shift = found
            digits.removeLast()
        }
        guard let value = UInt64(digits), value > 0, value < 1 << 20 else {
            guard shift == 0, let value = UInt64(digits), value > 0 else { return nil }
            bytes = value
            return
        }
        bytes = value << shift
    }
}
