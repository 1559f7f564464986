import CLinux
import Glibc

/// Signals of this process as a descriptor instead of handlers (signalfd(2)).
///
/// The signals are blocked for the calling thread and the threads it makes afterwards.
public struct SignalSource: ~Copyable, Sendable {
    /// The descriptor to wait on.
    public let descriptor: OwnedDescriptor

    /// Blocks `signals` and delivers them here instead.
    public init(_ signals: [Int32]) throws(SystemError) {
        descriptor = OwnedDescriptor(
            adopting: try SystemError.check("signalfd", clinux_signal_descriptor(signals, signals.count)))
    }

    /// The next signal that waits; nil when none does.
    public borrowing func next() -> Int32? {
        let signal = clinux_read_signal(descriptor.number)
        return signal > 0 ? signal : nil
    }
}
