@testable import WebServing

/// What follows from a client's bytes, by the rules (RFC 6455, sections 5 and 7.4), read in the plainest way.
struct FrameOracle {
    /// What is to be done, in order.
    private(set) var actions: [WebSocketFrames.Action] = []
    /// The codes that the connection may be closed with: each of a frame that breaks several rules.
    private(set) var codes: Set<UInt16> = []
    /// Whether that may as well be found out later: the frame has not come as a whole.
    private(set) var mayWait = false

    private let limit: Int
    private var rest: ArraySlice<UInt8>
    private var begun: (isText: Bool, bytes: [UInt8])?

    /// Reads bytes up to their end, a close, or the first frame that breaks a rule.
    ///
    /// - Parameter limit: bytes that a frame and a message may have.
    init(_ bytes: [UInt8], limit: Int) {
        self.limit = limit
        rest = bytes[...]
        while codes.isEmpty, readFrame() {}
    }

    /// Reads a frame. Returns whether another one may follow.
    private mutating func readFrame() -> Bool {
        guard rest.count >= 2 else { return false }
        let (first, second) = (rest[rest.startIndex], rest[rest.startIndex + 1])
        rest = rest.dropFirst(2)
        let opcode = first & 15
        let isFinal = first & 0x80 != 0
        let width = [126: 2, 127: 8][second & 0x7f] ?? 0
        guard rest.count >= width else { return false }
        let length = width == 0 ? UInt64(second & 0x7f) : rest.prefix(width).reduce(0) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(width)
        var broken: Set<UInt16> = []
        if length > limit { broken.insert(1009) }
        if opcode >= 8, !isFinal || length > 125 { broken.insert(1002) }
        mayWait = broken.isEmpty
        if first & 0x70 != 0 || ![0, 1, 2, 8, 9, 10].contains(opcode) || second & 0x80 == 0 { broken.insert(1002) }
        if opcode == 0 && begun == nil || (opcode == 1 || opcode == 2) && begun != nil { broken.insert(1002) }
        let size = second & 0x80 == 0 ? 0 : 4
        guard rest.count >= size, UInt64(rest.count - size) >= length else {
            // Without the mask nothing can be said of the length yet, but of one that is no length at all.
            mayWait = mayWait || rest.count < size
            codes = broken
            return false
        }
        mayWait = false
        codes = broken
        guard broken.isEmpty else { return false }
        let mask = Array(rest.prefix(4))
        let payload = rest.dropFirst(4).prefix(Int(length)).enumerated().map { $1 ^ mask[$0 % 4] }
        rest = rest.dropFirst(4 + Int(length))
        return take(opcode, payload, isFinal)
    }

    private mutating func take(_ opcode: UInt8, _ payload: [UInt8], _ isFinal: Bool) -> Bool {
        switch opcode {
        case 8: return close(payload)
        case 9: actions.append(.pong(payload))
        case 10: actions.append(.deliver(.pong(payload)))
        default:
            let before = begun ?? (isText: opcode == 1, bytes: [])
            let bytes = before.bytes + payload
            guard bytes.count <= limit else {
                codes = [1009]
                return false
            }
            begun = isFinal ? nil : (before.isText, bytes)
            guard isFinal else { return true }
            guard before.isText else {
                actions.append(.deliver(.binary(bytes)))
                return true
            }
            guard String(validating: bytes, as: UTF8.self) != nil else {
                codes = [1007]
                return false
            }
            actions.append(.deliver(.text(bytes)))
        }
        return true
    }

    private mutating func close(_ payload: [UInt8]) -> Bool {
        guard payload.count != 1 else {
            codes = [1002]
            return false
        }
        guard payload.count >= 2 else {
            actions.append(.close(nil))
            return false
        }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        if !(1000...4999).contains(code) || (1015...2999).contains(code) || (1004...1006).contains(code) {
            codes.insert(1002)
        }
        if String(validating: payload[2...], as: UTF8.self) == nil { codes.insert(1007) }
        if codes.isEmpty { actions.append(.close(code)) }
        return false
    }
}
