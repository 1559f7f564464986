import DequeModule
import Synchronization

/// What is on its way from any thread to one reader, who waits for it without blocking. It has room for so much.
public final class BoundedQueue<Element: Sendable>: Sendable {
    /// How much it holds, in bytes.
    public struct Bounds: Sendable {
        /// Beyond it there is no room. One element is taken however large it is.
        public let room: Int
        /// Beyond it the reader is sent away, who does not read.
        public let limit: Int

        /// Describes bounds.
        public init(room: Int, limit: Int = .max) {
            self.room = room
            self.limit = limit
        }
    }

    private struct State {
        var elements: Deque<Element> = []
        var size = 0
        var isFinished = false
        var isLost = false
        var reader: CheckedContinuation<Void, Never>?
        /// Who waits for the end only.
        var ender: CheckedContinuation<Void, Never>?
    }

    private let bounds: Bounds
    private let size: @Sendable (Element) -> Int
    private let state = Mutex(State())

    /// An empty queue.
    ///
    /// - Parameter size: the bytes of an element.
    public init(_ bounds: Bounds, size: @escaping @Sendable (Element) -> Int) {
        self.bounds = bounds
        self.size = size
    }

    /// Whether nothing more comes.
    public var isFinished: Bool { state.withLock { $0.isFinished } }

    /// Whether there is no room until something has been taken.
    public var isFull: Bool { state.withLock { $0.size >= bounds.room && !$0.isFinished } }

    /// Whether the reader was sent away and what waited thrown away.
    public var isLost: Bool { state.withLock { $0.isLost } }

    /// Puts an element in if there is room. Returns whether there was; a queue that is finished takes everything.
    public func offer(_ element: Element) -> Bool {
        add(element, mayRefuse: true)
    }

    /// Puts an element in.
    public func push(_ element: Element) {
        _ = add(element, mayRefuse: false)
    }

    /// Says that nothing more comes.
    ///
    /// - Parameter isLost: whether what waits is thrown away.
    public func finish(isLost: Bool = false) {
        let (reader, ender) = state.withLock { state in
            state.isFinished = true
            if isLost {
                state.isLost = true
                state.elements = []
            }
            return (state.reader.take(), state.ender.take())
        }
        reader?.resume()
        ender?.resume()
    }

    /// Waits for elements and takes all of them; nil at the end. For one task; its cancellation is the end.
    public func next() async -> [Element]? {
        while true {
            let taken: [Element]? = state.withLock { state in
                guard !state.elements.isEmpty else { return state.isFinished ? nil : [] }
                defer {
                    state.elements.removeAll()
                    state.size = 0
                }
                return Array(state.elements)
            }
            guard let taken else { return nil }
            if !taken.isEmpty { return taken }
            await wait { state, continuation in
                if !state.elements.isEmpty || state.isFinished { return true }
                state.reader = continuation
                return false
            }
        }
    }

    /// Waits until nothing more comes, whatever has been taken. For one task; its cancellation is the end.
    public func end() async {
        await wait { state, continuation in
            if !state.isFinished { state.ender = continuation }
            return state.isFinished
        }
    }

    /// - Parameter isOver: returns whether there is nothing to wait for; keeps the continuation otherwise.
    private func wait(unless isOver: (inout State, CheckedContinuation<Void, Never>) -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if state.withLock({ isOver(&$0, continuation) }) { continuation.resume() }
            }
        } onCancel: {
            finish()
        }
    }

    private func add(_ element: Element, mayRefuse: Bool) -> Bool {
        let size = size(element)
        let (isIn, isOver, reader): (Bool, Bool, CheckedContinuation<Void, Never>?) = state.withLock { state in
            if state.isFinished { return (true, false, nil) }
            if mayRefuse, !state.elements.isEmpty, state.size + size > bounds.room { return (false, false, nil) }
            if state.size > bounds.limit { return (true, true, nil) }
            state.elements.append(element)
            state.size += size
            return (true, false, state.reader.take())
        }
        if isOver { finish() }
        reader?.resume()
        return isIn
    }
}
