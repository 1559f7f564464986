import Glibc
import LinuxKit
import Sandboxing

/// Ended children of the keeper that it does not know: what a lost host had forked, or what code has made its
/// sibling. A process is the keeper's to reap when its parent is, and PID 1 of its sandbox does not end before that.
enum Strangers {
    /// Reaps those that are not among `known`.
    static func reap(except known: Set<Int32>) {
        for pid in ProcessReading.children(of: getpid()) where !known.contains(pid) {
            waitpid(pid, nil, WNOHANG)
        }
    }
}
