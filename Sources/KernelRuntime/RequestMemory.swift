import DequeModule

/// The requests that can still be named: those that are handled or wait, and the latest of the others, as parents of
/// what their threads and tasks print.
struct RequestMemory {
    /// How many are remembered beyond what is in use.
    private static let capacity = 512

    private(set) var byNumber: [UInt64: ClientRequest] = [:]
    private var order: Deque<UInt64> = []
    /// Those that have all that they came with.
    private var whole: [UInt64] = []

    /// The number that the next request gets.
    var nextNumber: UInt64 { (order.last ?? 0) + 1 }

    /// All of them, oldest first.
    var all: [ClientRequest] { order.compactMap { byNumber[$0] } }

    subscript(number: UInt64) -> ClientRequest? { byNumber[number] }

    /// Drops what has been handled: as parents, requests are only headers.
    mutating func dropContents(_ isInUse: (UInt64) -> Bool) {
        whole.removeAll { number in
            if isInUse(number) { return false }
            byNumber[number]?.content = []
            byNumber[number]?.buffers = []
            return true
        }
    }

    /// Remembers a request, and forgets the oldest ones unless they are in use.
    mutating func remember(_ request: ClientRequest, isInUse: (UInt64) -> Bool = { _ in true }) {
        byNumber[request.number] = request
        order.append(request.number)
        whole.append(request.number)
        dropContents(isInUse)
        while order.count > RequestMemory.capacity, let oldest = order.first, !isInUse(oldest) {
            order.removeFirst()
            byNumber[oldest] = nil
        }
    }
}
