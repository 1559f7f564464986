import CLinux
import DequeModule
public import LinuxKit

/// The server's end of an interpreter's channel.
///
/// Everything in the shared memory is hostile and may change at any moment: values are copied, then checked,
/// and never read again. Used on one thread. Which bytes stand where is in ``ChannelLayout``.
public final class ServerChannel {
    private struct Placement {
        let ordinal: UInt64
        let request: UInt64
        let payload: [UInt8]
        var offset = 0
        var hasBegun = false
    }

    private let mapping: MemoryMapping
    private let events: Bell
    private let requests: BellButton
    private let space: BellButton
    private let eventRing: Ring
    private let requestRing: Ring

    private var tail: UInt64
    private var lastFrame: UInt64
    private var expectsResumedFrames: Bool
    private let mayLackFrames: Bool
    /// Whether the first frame showed that the journal lacks some before it.
    public private(set) var lacksFrames = false
    /// Numbers beyond this have never been given: who finds one there would count over the edge with the next.
    private static let maximumNumber = UInt64.max >> 1
    private var head: UInt64
    private var nextNumber: UInt64
    private var placements: Deque<Placement> = []
    /// A message that the server before this one did not finish placing.
    private var interrupted: (ordinal: UInt64, head: UInt64, number: UInt64)?

    /// How many messages have been placed whole, by this server and those before it. The next one sent gets the
    /// ordinal after this, so a new server can tell which of the messages it has to send are there already.
    public private(set) var placedCount: UInt64
    private var sentCount: UInt64

    private struct Ring {
        let offset: Int
        let size: UInt64
    }

    /// Takes a channel over, new or used.
    ///
    /// - Parameters:
    ///   - lastFrame: the number of the last event frame that stands in the journal, 0 for none.
    ///   - isResumed: whether another server has had it, whose journal may have been damaged since.
    public init(
        memory: borrowing OwnedDescriptor, events: consuming Bell, requests: consuming BellButton,
        space: consuming BellButton, lastFrame: UInt64 = 0,
        isResumed: Bool = false
    ) throws(ChannelViolation) {
        let size = ChannelLayout.headerSize + ChannelMemory.eventRing + ChannelMemory.requestRing
        guard let mapping = try? MemoryMapping(memory, count: size) else { throw .layout("it cannot be mapped") }
        let base = mapping.base
        func word(_ offset: Int) -> UInt64 { clinux_load_acquire(base + offset) }
        let isChannel =
            word(0) == ChannelLayout.magic && word(16) == UInt64(ChannelLayout.headerSize)
            && word(24) == UInt64(ChannelMemory.eventRing) && word(40) == UInt64(ChannelMemory.requestRing)
        let eventRing = Ring(offset: ChannelLayout.headerSize, size: UInt64(ChannelMemory.eventRing))
        let requestRing = Ring(
            offset: ChannelLayout.headerSize + ChannelMemory.eventRing, size: UInt64(ChannelMemory.requestRing))
        let version = UInt32(truncatingIfNeeded: word(8))
        tail = word(ChannelLayout.eventTail)
        head = word(ChannelLayout.requestHead)
        placedCount = word(ChannelLayout.placedOrdinal)
        nextNumber = word(ChannelLayout.nextNumber)
        let placing = word(ChannelLayout.placingOrdinal)
        let placingHead = word(ChannelLayout.placingHead)
        let placingNumber = word(ChannelLayout.placingNumber)
        sentCount = placedCount
        self.lastFrame = lastFrame
        expectsResumedFrames = isResumed || lastFrame > 0
        mayLackFrames = isResumed
        self.mapping = mapping
        self.events = events
        self.requests = requests
        self.space = space
        self.eventRing = eventRing
        self.requestRing = requestRing
        interrupted =
            placing == placedCount &+ 1 ? (ordinal: placing, head: placingHead, number: placingNumber) : nil
        guard isChannel else { throw .layout("it does not begin like one") }
        guard version == ChannelLayout.version else { throw .layout("its version is \(version)") }
        guard placedCount < ServerChannel.maximumNumber, nextNumber < ServerChannel.maximumNumber,
            placingNumber < ServerChannel.maximumNumber
        else { throw .position("number of messages") }
    }

    /// The bell to wait on: events wait, or there is room for requests.
    public var bell: Int32 { events.descriptor.number }

    /// Silences the bell; look at the channel after this, not before.
    public func silence() {
        events.silence()
    }

    // MARK: Events

    /// The next frame, if a whole one is there.
    public func nextFrame() throws(ChannelViolation) -> ChannelFrame? {
        while true {
            let published = clinux_load_acquire(mapping.base + ChannelLayout.eventHead)
            guard published != tail else { return nil }
            let available = published &- tail
            guard available <= eventRing.size, available >= UInt64(ChannelLayout.frameHeaderSize) else {
                throw .position("event head")
            }
            let fields = frameHeader(at: tail)
            guard fields.length <= ChannelLayout.maximumPayload else { throw .length(UInt64(fields.length)) }
            let size = ChannelLayout.frameSize(payload: Int(fields.length))
            guard size <= available else { throw .length(UInt64(fields.length)) }
            guard let kind = ChannelFrame.Kind(rawValue: fields.kind), fields.flags <= 1 else {
                throw .kind(fields.kind)
            }
            // A server that died between journal and acknowledgement leaves frames that are journaled already.
            if expectsResumedFrames, fields.number > 0, fields.number <= lastFrame {
                tail &+= size
                continue
            }
            if expectsResumedFrames, mayLackFrames, fields.number > lastFrame + 1,
                fields.number < ServerChannel.maximumNumber
            {
                lacksFrames = true
                lastFrame = fields.number - 1
            }
            expectsResumedFrames = false
            guard fields.number == lastFrame + 1 else {
                throw .number(expected: lastFrame + 1, found: fields.number)
            }
            let payload = copy(eventRing, at: tail &+ UInt64(ChannelLayout.frameHeaderSize), count: Int(fields.length))
            tail &+= size
            lastFrame = fields.number
            return ChannelFrame(
                kind: kind, hasMoreFragments: fields.flags == 1, number: fields.number, request: fields.request,
                payload: payload)
        }
    }

    /// The text that a dead interpreter had gathered and not published, once every frame has been read.
    public func unpublishedText() -> ChannelFrame? {
        let count = clinux_load_acquire(mapping.base + ChannelLayout.openText)
        let fields = frameHeader(at: tail)
        guard (1...UInt64(ChannelLayout.maximumPayload)).contains(count),
            clinux_load_acquire(mapping.base + ChannelLayout.eventHead) == tail, fields.number == lastFrame + 1,
            let kind = ChannelFrame.Kind(rawValue: fields.kind), kind != .message
        else { return nil }
        lastFrame = fields.number
        return ChannelFrame(
            kind: kind, hasMoreFragments: false, number: fields.number, request: fields.request,
            payload: copy(eventRing, at: tail &+ UInt64(ChannelLayout.frameHeaderSize), count: Int(count)))
    }

    private func frameHeader(
        at position: UInt64
    ) -> (length: UInt32, kind: UInt8, flags: UInt8, number: UInt64, request: UInt64) {
        copy(eventRing, at: position, count: ChannelLayout.frameHeaderSize).withUnsafeBytes {
            (
                length: UInt32(littleEndian: $0.loadUnaligned(as: UInt32.self)), kind: $0[4], flags: $0[5],
                number: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                request: UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
            )
        }
    }

    /// Acknowledges every frame that `nextFrame` has returned: they stand in the journal now.
    public func acknowledge() {
        clinux_store_release(mapping.base + ChannelLayout.eventTail, tail)
        if clinux_exchange(mapping.base + ChannelLayout.eventSpaceWanted, 0) != 0 { space.ring() }
    }

    private func copy(_ ring: Ring, at position: UInt64, count: Int) -> [UInt8] {
        let start = Int(position & (ring.size - 1))
        let first = min(count, Int(ring.size) - start)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            if let target = buffer.baseAddress, count > 0 {
                target.update(
                    from: (mapping.base + ring.offset + start).assumingMemoryBound(to: UInt8.self), count: first)
                (target + first).update(
                    from: (mapping.base + ring.offset).assumingMemoryBound(to: UInt8.self), count: count - first)
            }
            initialized = count
        }
    }

    // MARK: Requests

    /// Sends a message; what finds no room now is placed by later calls of `place`. Never blocks.
    public func send(_ message: ChannelMessage, request: UInt64) throws(ChannelViolation) {
        sentCount += 1
        placements.append(Placement(ordinal: sentCount, request: request, payload: message.encoded))
        try place()
    }

    /// Places what waits for room. Called when the bell has rung.
    public func place() throws(ChannelViolation) {
        var hasWritten = false
        while var placement = placements.first {
            if !placement.hasBegun { try begin(&placement) }
            let isWhole = try placeFrames(of: &placement, &hasWritten)
            placements[placements.startIndex] = placement
            guard isWhole else { break }
            placements.removeFirst()
            clinux_store_release(mapping.base + ChannelLayout.nextNumber, nextNumber)
            clinux_store_release(mapping.base + ChannelLayout.placedOrdinal, placement.ordinal)
            placedCount = placement.ordinal
        }
        if hasWritten { requests.ring() }
    }

    /// Writes down that a message is being placed; or finds out how far a dead server got with this one.
    private func begin(_ placement: inout Placement) throws(ChannelViolation) {
        placement.hasBegun = true
        if let partly = interrupted, partly.ordinal == placement.ordinal {
            interrupted = nil
            nextNumber = partly.number
            var position = partly.head
            while position != head {
                guard placement.offset < placement.payload.count else { throw .position("request head") }
                let count = min(ChannelLayout.maximumPayload, placement.payload.count - placement.offset)
                position &+= ChannelLayout.frameSize(payload: count)
                placement.offset += count
                nextNumber += 1
            }
            return
        }
        interrupted = nil
        clinux_store_release(mapping.base + ChannelLayout.placingHead, head)
        clinux_store_release(mapping.base + ChannelLayout.placingNumber, nextNumber)
        clinux_store_release(mapping.base + ChannelLayout.placingOrdinal, placement.ordinal)
    }

    /// Writes frames until the message is whole or the ring is full.
    private func placeFrames(of placement: inout Placement, _ hasWritten: inout Bool) throws(ChannelViolation) -> Bool {
        while placement.offset < placement.payload.count {
            let count = min(ChannelLayout.maximumPayload, placement.payload.count - placement.offset)
            let size = ChannelLayout.frameSize(payload: count)
            guard try hasRoom(size) else { return false }
            let isLast = placement.offset + count == placement.payload.count
            var frame: [UInt8] = []
            frame.reserveCapacity(Int(size))
            func append<Value: FixedWidthInteger>(_ value: Value) {
                withUnsafeBytes(of: value.littleEndian) { frame.append(contentsOf: $0) }
            }
            append(UInt32(count))
            append(ChannelFrame.Kind.message.rawValue)
            append(UInt8(isLast ? 0 : 1))
            append(UInt16(0))
            append(nextNumber)
            append(placement.request)
            frame.append(contentsOf: placement.payload[placement.offset..<placement.offset + count])
            frame.append(contentsOf: repeatElement(0, count: Int(size) - frame.count))
            write(frame, at: head)
            head &+= size
            nextNumber += 1
            placement.offset += count
            clinux_store_release(mapping.base + ChannelLayout.requestHead, head)
            hasWritten = true
        }
        return true
    }

    private func hasRoom(_ size: UInt64) throws(ChannelViolation) -> Bool {
        for attempt in 0..<2 {
            let taken = clinux_load_acquire(mapping.base + ChannelLayout.requestTail)
            guard head &- taken <= requestRing.size else { throw .position("request tail") }
            if head &- taken + size <= requestRing.size { return true }
            // The wish stands before the second look, or the room could be made in between and nobody would ring.
            if attempt == 0 { _ = clinux_exchange(mapping.base + ChannelLayout.requestSpaceWanted, 1) }
        }
        return false
    }

    private func write(_ bytes: [UInt8], at position: UInt64) {
        let start = Int(position & (requestRing.size - 1))
        let first = min(bytes.count, Int(requestRing.size) - start)
        bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            (mapping.base + requestRing.offset + start).copyMemory(from: base, byteCount: first)
            (mapping.base + requestRing.offset).copyMemory(from: base + first, byteCount: bytes.count - first)
        }
    }
}
