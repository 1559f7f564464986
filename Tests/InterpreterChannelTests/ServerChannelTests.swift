import Glibc
import InterpreterChannel
import LinuxKit
import Testing

@Suite("The server's end of the channel")
struct ServerChannelTests {
    /// The interpreter's end, written down once more from the documentation.
    struct Interpreter: ~Copyable {
        let mapping: MemoryMapping
        var head: UInt64 = 0
        var number: UInt64 = 0
        var tail: UInt64 = 0

        init(_ memory: borrowing OwnedDescriptor) throws {
            mapping = try MemoryMapping(memory, count: 4096 + (4 << 20) + (1 << 20))
        }

        func put<Value: FixedWidthInteger>(_ value: Value, _ offset: Int) {
            mapping.base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
        }

        mutating func write(_ kind: UInt8, _ request: UInt64, _ payload: [UInt8], more: Bool = false) {
            number += 1
            var frame: [UInt8] = []
            func append<Value: FixedWidthInteger>(_ value: Value) {
                withUnsafeBytes(of: value) { frame.append(contentsOf: $0) }
            }
            append(UInt32(payload.count))
            append(kind)
            append(UInt8(more ? 1 : 0))
            append(UInt16(0))
            append(number)
            append(request)
            frame += payload
            while frame.count % 8 != 0 { frame.append(0) }
            for (index, byte) in frame.enumerated() {
                put(byte, 4096 + Int((head + UInt64(index)) % (4 << 20)))
            }
            head += UInt64(frame.count)
            put(head, 64)
        }
    }

    func channel(_ memory: borrowing OwnedDescriptor, lastFrame: UInt64 = 0, isResumed: Bool = false) throws
        -> ServerChannel
    {
        let (events, requests, space) = (try Bell.make(), try Bell.make(), try Bell.make())
        // The interpreter's ends stay open, as the keeper holds them: nobody else's button would be broken.
        for bell in [requests.bell, space.bell] { _ = try bell.descriptor.duplicate().release() }
        return try ServerChannel(
            memory: memory, events: Bell(adopting: events.bell.descriptor.duplicate()),
            requests: BellButton(adopting: requests.button.descriptor.duplicate()),
            space: BellButton(adopting: space.button.descriptor.duplicate()), lastFrame: lastFrame, isResumed: isResumed
        )
    }

    @Test("Frames arrive in order, across the end of the ring")
    func wraps() throws {
        let memory = try ChannelMemory.make()
        var interpreter = try Interpreter(memory)
        let server = try channel(memory)
        for round in 0..<200 {
            let payload = [UInt8](repeating: UInt8(round), count: 40_000 + round * 13)
            interpreter.write(2, UInt64(round), payload)
            let frame = try server.nextFrame()
            #expect(frame?.payload == payload && frame?.number == UInt64(round + 1))
            server.acknowledge()
        }
        #expect(try server.nextFrame() == nil)
    }

    @Test("A new server skips what stands in the journal, and nothing else")
    func resumes() throws {
        for journaled in 0...5 {
            for acknowledged in 0...journaled {
                let memory = try ChannelMemory.make()
                var interpreter = try Interpreter(memory)
                for index in 1...5 { interpreter.write(2, 0, [UInt8(index)]) }
                do {
                    let dead = try channel(memory)
                    for index in 0..<journaled {
                        _ = try dead.nextFrame()
                        if index < acknowledged { dead.acknowledge() }
                    }
                }
                let server = try channel(memory, lastFrame: UInt64(journaled))
                var found: [UInt8] = []
                while let frame = try server.nextFrame() { found += frame.payload }
                #expect(found == Array((journaled + 1)..<6).map(UInt8.init))
            }
        }
    }

    @Test("Frames that a damaged journal lacks are found missing, once")
    func lacks() throws {
        let memory = try ChannelMemory.make()
        var interpreter = try Interpreter(memory)
        interpreter.number = 6
        interpreter.write(2, 0, [1])
        #expect(throws: ChannelViolation.number(expected: 3, found: 7)) {
            try channel(memory, lastFrame: 2).nextFrame()
        }
        let server = try channel(memory, lastFrame: 2, isResumed: true)
        #expect(try server.nextFrame()?.number == 7)
        #expect(server.lacksFrames)
        interpreter.number = 8
        interpreter.write(2, 0, [1])
        #expect(throws: ChannelViolation.number(expected: 8, found: 9)) { try server.nextFrame() }
    }

    @Test("Counts that would run over with the next message are refused", arguments: [448, 456, 464, 472, 480])
    func counts(_ offset: Int) throws {
        let memory = try ChannelMemory.make()
        let interpreter = try Interpreter(memory)
        interpreter.put(UInt64.max, offset)
        guard let server = try? channel(memory, isResumed: true) else { return }
        for _ in 0..<3 { try? server.send(ChannelMessage(type: "execute_request", content: []), request: 1) }
    }

    @Test("A message is placed once, whoever finishes it")
    func placesOnce() throws {
        let memory = try ChannelMemory.make()
        let message = ChannelMessage(type: "execute_request", content: [UInt8](repeating: 0x20, count: 700_000))
        let first = try channel(memory)
        try first.send(message, request: 1)
        // The second finds no room for all of it, and its server dies.
        try first.send(message, request: 2)
        #expect(first.placedCount == 1)
        let mapping = try MemoryMapping(memory, count: 4096)
        let head = mapping.base.load(fromByteOffset: 192, as: UInt64.self)
        mapping.base.storeBytes(of: head, toByteOffset: 256, as: UInt64.self)
        let second = try channel(memory)
        #expect(second.placedCount == 1)
        try second.send(message, request: 2)
        #expect(second.placedCount == 2)
        let frames = UInt64((message.encoded.count + 65_535) / 65_536)
        #expect(mapping.base.load(fromByteOffset: 480, as: UInt64.self) == 2 * frames + 1)
    }

    @Test("Text that a dead interpreter had not published is found, once")
    func unpublished() throws {
        for published in 0...2 {
            let memory = try ChannelMemory.make()
            var interpreter = try Interpreter(memory)
            for index in 0..<published { interpreter.write(2, 7, [UInt8(index)]) }
            let end = interpreter.head
            interpreter.write(3, 7, Array("last".utf8))
            interpreter.put(end, 64)
            interpreter.put(UInt64(4), 512)
            let server = try channel(memory)
            while try server.nextFrame() != nil {}
            let frame = server.unpublishedText()
            #expect(frame?.payload == Array("last".utf8) && frame?.kind == .standardError)
            #expect(frame?.number == UInt64(published + 1) && frame?.request == 7)
            #expect(server.unpublishedText() == nil)
            #expect(try channel(memory, lastFrame: UInt64(published + 1)).unpublishedText() == nil)
        }
    }

    @Test(
        "An open frame that cannot be is none", arguments: [(0, 2, 1), (65_537, 2, 1), (4, 1, 1), (4, 9, 1), (4, 2, 5)])
    func unpublishedNonsense(count: UInt64, kind: UInt8, number: UInt64) throws {
        let memory = try ChannelMemory.make()
        var interpreter = try Interpreter(memory)
        interpreter.number = number - 1
        interpreter.write(kind, 7, Array("last".utf8))
        interpreter.put(UInt64(0), 64)
        interpreter.put(count, 512)
        #expect(try channel(memory).unpublishedText() == nil)
    }

    @Test("A lying interpreter is found out")
    func violations() throws {
        let lies: [(Int, UInt64)] = [(64, 5 << 20), (64, 8), (64, .max)]
        for (offset, value) in lies {
            let memory = try ChannelMemory.make()
            let interpreter = try Interpreter(memory)
            interpreter.put(value, offset)
            let server = try channel(memory)
            #expect(throws: ChannelViolation.self) { try server.nextFrame() }
        }
    }

    @Test("Whatever stands in the memory, nothing traps")
    func fuzz() throws {
        var state: UInt64 = 11
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 16
        }
        for _ in 0..<300 {
            let memory = try ChannelMemory.make()
            var interpreter = try Interpreter(memory)
            for _ in 0..<4 { interpreter.write(UInt8(random() % 4), random() % 3, [1, 2, 3]) }
            for _ in 0..<3 { interpreter.put(UInt8(truncatingIfNeeded: random()), 4096 + Int(random() % 128)) }
            if random() % 3 == 0 { interpreter.put(random() % (5 << 20), 64) }
            let server = try channel(memory)
            var assembler = MessageAssembler()
            do {
                while let frame = try server.nextFrame() { _ = try assembler.add(frame) }
                interpreter.put(random() % 70_000, 512)
                _ = server.unpublishedText()
            } catch {
                continue
            }
        }
    }
}
