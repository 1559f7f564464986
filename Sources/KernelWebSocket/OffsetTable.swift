extension [UInt8] {
    /// The unsigned number of four bytes, most significant first; nil where the bytes end before.
    func bigEndian(at index: Int) -> UInt32? {
        guard index <= count - 4 else { return nil }
        return self[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The unsigned number of eight bytes, least significant first; nil where the bytes end before.
    func littleEndian(at index: Int) -> UInt64? {
        guard index <= count - 8 else { return nil }
        return self[index..<index + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func append(bigEndian number: UInt32) {
        for shift in stride(from: 24, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: number >> UInt32(shift))) }
    }

    mutating func append(littleEndian number: UInt64) {
        for shift in stride(from: 0, through: 56, by: 8) { append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }

    /// What lies between neighbouring bounds, none of which may come before the end of the table itself.
    ///
    /// So no byte is in two parts: a short message cannot become a long one by naming the same bytes often.
    func parts(between bounds: [Int], behind table: Int) throws(KernelWebSocketError) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        parts.reserveCapacity(bounds.count)
        var start: Int?
        for bound in bounds {
            guard bound >= start ?? table, bound <= count else { throw .offsets }
            if let start { parts.append([UInt8](self[start..<bound])) }
            start = bound
        }
        return parts
    }
}
