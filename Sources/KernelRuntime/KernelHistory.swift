import HistoryStore
import JupyterProtocol
import LinuxKit
import SQLiteDatabase

/// What a kernel remembers of its cells, written soon after it has come, and read when a client asks.
///
/// A file that cannot be used costs the kernel nothing but the past: it then remembers what is its own.
final class KernelHistory {
    /// How long cells are gathered: a kernel that is busy writes them together.
    private static let delay = Duration.milliseconds(200)

    private let store: HistoryStore
    private let loop: EventLoop
    private var timer: EventLoop.Timer?
    /// Called once, when the file turns out to be of no use.
    var onProblem: ((String) -> Void)?

    init(path: String, kernel: String, loop: EventLoop) {
        store = HistoryStore(path: path, kernel: kernel)
        self.loop = loop
    }

    func remember(line: Int, input: String) {
        store.remember(line: line, input: input)
        writeSoon()
    }

    func remember(line: Int, result: String) {
        store.remember(line: line, output: result)
        writeSoon()
    }

    /// The content of the reply to a history request.
    func answer(_ content: [UInt8]) -> [UInt8] {
        let request = HistoryRequest(content: (try? JSONValue(parsing: content)) ?? [:])
        let found: JSONValue
        do throws(DatabaseError) {
            found = try store.answer(request)
        } catch {
            cope(with: error)
            found = (try? store.answer(request)) ?? []
        }
        return (["status": "ok", "history": found] as JSONValue).encoded()
    }

    /// Writes what has not been written.
    func flush() {
        do throws(DatabaseError) {
            try store.flush()
        } catch {
            cope(with: error)
            if store.isDirty { writeSoon() }
        }
    }

    private func writeSoon() {
        guard timer == nil else { return }
        timer = loop.after(KernelHistory.delay) { [weak self] in
            guard let self else { return }
            timer = nil
            flush()
        }
    }

    private func cope(with error: DatabaseError) {
        guard !error.isBusy else { return }
        store.forgetFile()
        onProblem?("the history is not kept: \(error)")
        onProblem = nil
    }
}
