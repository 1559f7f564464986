public import Tracing

/// Where in a trace something happens (W3C Trace Context).
public struct TraceContext: Hashable, Sendable {
    /// The trace; never zero.
    public let trace: UInt128
    /// The span; never zero.
    public let span: UInt64
    /// Whether the trace is kept.
    public let isSampled: Bool
    /// What other systems pass along (`tracestate`); empty without.
    public let state: String

    init(trace: UInt128, span: UInt64, isSampled: Bool, state: String) {
        self.trace = trace
        self.span = span
        self.isSampled = isSampled
        self.state = state
    }

    /// Reads a `traceparent`; nil for one that is to be ignored (section 3.2.2).
    public init?(traceparent text: String, state: String = "") {
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map { Array($0) }
        // Later versions may have more parts; version ff is none.
        guard parts.count >= 4, let version = TraceContext.hexadecimal(UInt8.self, parts[0]), version != 0xff,
            version > 0 || parts.count == 4, let trace = TraceContext.hexadecimal(UInt128.self, parts[1]), trace != 0,
            let span = TraceContext.hexadecimal(UInt64.self, parts[2]), span != 0,
            let flags = TraceContext.hexadecimal(UInt8.self, parts[3])
        else { return nil }
        // Longer than anybody has to pass along (section 3.3.1.5).
        self.init(trace: trace, span: span, isSampled: flags & 1 == 1, state: state.utf8.count <= 512 ? state : "")
    }

    /// The `traceparent`.
    public var traceparent: String { "00-\(traceText)-\(TraceContext.text(of: span))-\(isSampled ? "01" : "00")" }

    var traceText: String { TraceContext.text(of: trace) }

    var spanText: String { TraceContext.text(of: span) }

    /// All digits of a number.
    static func text<Number: FixedWidthInteger>(of number: Number) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: Number.bitWidth / 4 - digits.utf8.count) + digits
    }

    /// A number of exactly as many digits as its type has, small letters only.
    private static func hexadecimal<Number: FixedWidthInteger>(_ type: Number.Type, _ digits: [UInt8]) -> Number? {
        guard digits.count == Number.bitWidth / 4,
            digits.allSatisfy({
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            })
        else { return nil }
        return Number(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}

extension ServiceContext {
    private enum Key: ServiceContextKey {
        typealias Value = TraceContext
    }

    /// Where in a trace this is; nil outside of any.
    public var trace: TraceContext? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}
