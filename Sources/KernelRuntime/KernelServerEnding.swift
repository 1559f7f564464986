import EventJournal
import Glibc
import InterpreterChannel
import KeeperWire
import LinuxKit

/// How a kernel ends.
extension KernelServer {
    func listenToKeeper() {
        do {
            while let news = try keeper.next() {
                if news.kernel == place.kernel { learn(news.death) }
            }
        } catch {
            learn(.keeper)
        }
    }

    func learn(_ reason: Death) {
        if death == nil { death = reason == .requested ? reasonToEnd ?? reason : reason }
        // Before the sandbox's control groups are gone.
        accounts.sample()
        // Not watched any more: a closed connection is readable for ever.
        if reason == .keeper, watches.count > 1 { loop.forget(watches.removeLast()) }
    }

    /// The interpreter is gone and the channel empty: its last words, then the death itself.
    func conclude(_ learnt: Death) {
        // It said that it would end, and may have done so before it was ended.
        let reason = machine.isEnding && learnt == .process(.exited(0)) ? .requested : learnt
        death = reason
        do {
            if let text = channel.unpublishedText() { try record(text) }
            for leftover in descriptors.leftovers() {
                let content = EventRules.stream(leftover.name, leftover.bytes)
                try record(
                    .leftover, request: machine.running?.number ?? 0,
                    JournalEntry.encode(type: "stream", content: content))
                if machine.hello == nil { leftBeforeHello += leftover.bytes }
            }
            try record(.death, request: 0, KeeperReply.ended(kernel: place.kernel, death: reason).encoded)
            try handle(.death(reason))
        } catch {
            // The journal is full or broken: clients still learn of the death by the process's end.
            _ = machine.handle(.death(reason))
        }
        loop.after(.seconds(5)) { [weak self] in self?.reportEnd() }
    }

    /// Writes down what has been used up to now, for somebody who wants to read it.
    public func writeUsage() {
        guard !hasReportedEnd else { return }
        accounts.writeNow()
    }

    func reportEnd() {
        guard !hasReportedEnd else { return }
        hasReportedEnd = true
        stopServing()
        History.remove("\(place.directory)/\(History.fileName)")
        unlink("\(place.directory)/position")
        unlink("\(place.directory)/session")
        unlink("\(place.directory)/hello")
        let isEvidence = isDurable && (death ?? .requested) != .requested
        if !isEvidence || !EndedKernels.keep(place) { journal.remove() }
        try? keeper.send(.end(kernel: place.kernel))
        onEnd?(death ?? .requested)
    }

    func stopServing() {
        if let turn { loop.forget(turn) }
        for watch in watches { loop.forget(watch) }
        watches = []
        if let retry { loop.cancel(retry) }
        history.flush()
        accounts.flush()
    }

    /// Does something that only a broken interpreter or a full disk can make fail: then the kernel ends.
    func attempt(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            guard death == nil else { return }
            death = error is JournalError ? .journal("\(error)") : .violation("\(error)")
            try? keeper.send(.end(kernel: place.kernel))
        }
    }
}
