public import LinuxKit

/// The memory that a server and an interpreter share, byte by byte. All numbers are little-endian.
///
/// | offset | what | written by |
/// |---|---|---|
/// | 0 | `HUSKCHN1` | maker |
/// | 8 | u32 version, 2 | maker |
/// | 12 | u32 header size, 4096 | maker |
/// | 16, 24 | u64 offset and size of the event ring | maker |
/// | 32, 40 | u64 offset and size of the request ring | maker |
/// | 64 | u64 event head: bytes ever written | interpreter |
/// | 128 | u64 event tail: bytes ever taken | server |
/// | 192 | u64 request head | server |
/// | 256 | u64 request tail | interpreter |
/// | 320 | u32 the interpreter waits for room for events | both |
/// | 384 | u32 the server waits for room for requests | both |
/// | 448 | u64 ordinal of the last message that is placed whole in the request ring | server |
/// | 456 | u64 ordinal of the message being placed | server |
/// | 464 | u64 request head before that message | server |
/// | 472 | u64 number of that message's first frame | server |
/// | 480 | u64 number of the next frame after the last whole message | server |
/// | 512 | u64 bytes of text in the frame at the event head, which is not published yet | interpreter |
///
/// A frame begins at its position modulo the ring's size, 8-byte aligned, and wraps round byte by byte:
///
/// | offset | what |
/// |---|---|
/// | 0 | u32 length of the payload, at most 65,536 |
/// | 4 | u8 kind: 1 message, 2 text of standard output, 3 of standard error |
/// | 5 | u8 flags: bit 0, more fragments of this message follow |
/// | 6 | u16 zero |
/// | 8 | u64 number: 1, 2, 3, … in each direction |
/// | 16 | u64 number of the request that it concerns, 0 for none |
/// | 24 | payload, then zeros up to a multiple of 8 |
///
/// The writer publishes its head after the frame is whole and then rings the other's bell, by a byte of any value in
/// a pipe that never blocks; the reader's tail is the acknowledgement. Text is gathered in a frame before it is published, its header whole but for the length: when
/// the interpreter has died the server takes it from there.
public enum ChannelLayout {
    static let magic: UInt64 = 0x314e_4843_4b53_5548
    /// The version of this layout.
    public static let version: UInt32 = 2
    /// Bytes before the first ring.
    public static let headerSize = 4096
    /// Bytes before a frame's payload.
    public static let frameHeaderSize = 24
    /// Largest payload of a frame.
    public static let maximumPayload = 65_536
    /// Largest message, all fragments together.
    public static let maximumMessage = 256 << 20

    static let eventHead = 64
    static let eventTail = 128
    static let requestHead = 192
    static let requestTail = 256
    static let eventSpaceWanted = 320
    static let requestSpaceWanted = 384
    static let placedOrdinal = 448
    static let placingOrdinal = 456
    static let placingHead = 464
    static let placingNumber = 472
    static let nextNumber = 480
    static let openText = 512

    /// Bytes that a frame takes in a ring.
    static func frameSize(payload: Int) -> UInt64 {
        UInt64((frameHeaderSize + payload + 7) & ~7)
    }
}

/// Makes the memory of a channel.
public enum ChannelMemory {
    /// Default size of the event ring.
    public static let eventRing = 4 << 20
    /// Default size of the request ring.
    public static let requestRing = 1 << 20

    /// A sealed memory file with an empty channel. Sizes are powers of two.
    public static func make(
        eventRing: Int = eventRing, requestRing: Int = requestRing
    ) throws(SystemError) -> OwnedDescriptor {
        precondition(eventRing.nonzeroBitCount == 1 && requestRing.nonzeroBitCount == 1, "sizes are powers of two")
        let size = ChannelLayout.headerSize + eventRing + requestRing
        let file = try MemoryFile.sealedSize(name: "husk-channel", size: size)
        let mapping = try MemoryMapping(file, count: ChannelLayout.headerSize)
        func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
            mapping.base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
        }
        put(ChannelLayout.version, at: 8)
        put(UInt32(ChannelLayout.headerSize), at: 12)
        put(UInt64(ChannelLayout.headerSize), at: 16)
        put(UInt64(eventRing), at: 24)
        put(UInt64(ChannelLayout.headerSize + eventRing), at: 32)
        put(UInt64(requestRing), at: 40)
        put(UInt64(1), at: ChannelLayout.nextNumber)
        put(ChannelLayout.magic, at: 0)
        return file
    }
}
