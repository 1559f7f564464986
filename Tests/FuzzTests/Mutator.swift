/// Damages inputs in the ways that find mistakes of parsers: bits, cuts, repeats, numbers at the edges, pieces of other
/// inputs. The same seed gives the same damage.
struct Mutator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// splitmix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    private static let edges: [[UInt8]] = [
        [0, 0, 0, 0], [0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x7f], [0, 0, 0, 0x80], [1, 0, 0, 0],
        Array("\"".utf8), Array("\\u".utf8), Array("\\ud800".utf8), Array("[[[[".utf8), Array("1e999".utf8),
        Array("-".utf8), Array("null".utf8), [0xc3], [0xed, 0xa0, 0x80], Array("<IDS|MSG>".utf8),
    ]

    /// A damaged copy.
    mutating func damage(_ input: [UInt8], others: [[UInt8]]) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...5, using: &self) {
            let at = Int.random(in: 0...bytes.count, using: &self)
            switch Int.random(in: 0..<7, using: &self) {
            case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &self)
            case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &self)
            case 2: bytes.removeSubrange(at...)
            case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0...9, using: &self)))
            case 4: bytes.insert(contentsOf: Mutator.edges.randomElement(using: &self) ?? [], at: at)
            case 5: bytes.insert(contentsOf: bytes[..<at], at: at)
            case 6: bytes.insert(contentsOf: (others.randomElement(using: &self) ?? []).prefix(at), at: at)
            default: break
            }
        }
        // Damage must not grow without end.
        return Array(bytes.prefix(1 << 16))
    }
}
