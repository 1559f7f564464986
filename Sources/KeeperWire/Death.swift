public import LinuxKit

/// Why an interpreter is no more.
public enum Death: Hashable, Sendable, CustomStringConvertible {
    /// The process ended by itself or by a signal.
    case process(ExitStatus)
    /// The sandbox's PID 1 ended, and everything inside with it.
    case sandbox(ExitStatus)
    /// The kernel that started it asked for the end.
    case requested
    /// No server came back in time.
    case orphaned
    /// The memory limit was reached, and the kernel chose this process.
    case outOfMemory
    /// The interpreter made a system call that does not exist for it and that kills: another architecture's.
    case forbiddenCall
    /// It ran longer than it may, and did not end when it was interrupted.
    case deadline
    /// Nobody has used it for as long as that may be.
    case idle
    /// A cell went on after it had said more than a cell may, and was interrupted.
    case output
    /// An operator ended it: `husk stop`.
    case stopped
    /// The keeper itself is gone, and every sandbox with it.
    case keeper
    /// The interpreter broke the rules of its channel, in the way that the text says.
    case violation(String)
    /// The server could not write down what the kernel says, for the reason that the text gives, and let it go on
    /// no further: the disk is full, for example.
    case journal(String)

    /// A stable name for programs.
    public var code: String {
        switch self {
        case .process(.exited): "interpreter_exited"
        case .process(.signalled): "interpreter_signalled"
        case .sandbox: "sandbox_ended"
        case .requested: "requested"
        case .orphaned: "orphaned"
        case .outOfMemory: "out_of_memory"
        case .forbiddenCall: "seccomp"
        case .deadline: "deadline"
        case .idle: "idle"
        case .output: "output_limit"
        case .stopped: "operator"
        case .keeper: "keeper_lost"
        case .violation: "channel_violation"
        case .journal: "journal_failed"
        }
    }

    /// The sentence for a user.
    public var description: String {
        switch self {
        case .process(let status): "The interpreter ended with \(status)."
        case .sandbox(let status): "The sandbox's first process ended with \(status), and everything inside with it."
        case .requested: "The kernel was shut down."
        case .orphaned: "No server came back for the kernel in time."
        case .outOfMemory: "The sandbox reached its memory limit; raise --memory."
        case .forbiddenCall: "The interpreter made a system call that no sandbox has (SIGSYS), and was killed for it."
        case .deadline: "It ran longer than it may and did not heed the interrupt; raise --cell-timeout or --lifetime."
        case .idle: "Nobody has used the kernel for the time of --idle-timeout."
        case .output: "A cell said more than it may and did not heed the interrupt; raise --output-limit."
        case .stopped: "An operator stopped the kernel."
        case .keeper: "The process that keeps the sandboxes was killed, and every sandbox with it."
        case .violation(let what): "The interpreter's side of the channel was damaged, and the kernel ended: \(what)."
        case .journal(let what): "The kernel's journal could not be written, and the kernel ended: \(what)."
        }
    }

    /// Appends it to a message.
    public func encode(into writer: inout WireWriter) {
        let (kind, status): (UInt8, ExitStatus?) =
            switch self {
            case .process(let status): (0, status)
            case .sandbox(let status): (1, status)
            case .requested: (2, nil)
            case .orphaned: (3, nil)
            case .outOfMemory: (4, nil)
            case .keeper: (5, nil)
            case .violation: (6, nil)
            case .journal: (7, nil)
            case .forbiddenCall: (8, nil)
            case .deadline: (9, nil)
            case .idle: (10, nil)
            case .output: (11, nil)
            case .stopped: (12, nil)
            }
        writer.append(kind)
        switch self {
        case .violation(let what), .journal(let what): writer.append(what)
        default: break
        }
        switch status {
        case .exited(let value)?:
            writer.append(UInt8(0))
            writer.append(value)
        case .signalled(let value)?:
            writer.append(UInt8(1))
            writer.append(value)
        case nil: break
        }
    }

    /// Reads it from a message.
    public init(from reader: inout WireReader) throws(WireError) {
        let kind = try reader.integer(UInt8.self)
        switch kind {
        case 0, 1:
            let status: ExitStatus
            switch try reader.integer(UInt8.self) {
            case 0: status = .exited(try reader.integer())
            case 1: status = .signalled(try reader.integer())
            default: throw .malformed("exit status")
            }
            self = kind == 0 ? .process(status) : .sandbox(status)
        case 2: self = .requested
        case 3: self = .orphaned
        case 4: self = .outOfMemory
        case 5: self = .keeper
        case 6: self = .violation(try reader.string())
        case 7: self = .journal(try reader.string())
        case 8: self = .forbiddenCall
        case 9: self = .deadline
        case 10: self = .idle
        case 11: self = .output
        case 12: self = .stopped
        default: throw .malformed("death")
        }
    }
}
