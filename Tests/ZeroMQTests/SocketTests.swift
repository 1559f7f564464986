import LinuxKit
import Testing
import ZeroMQ

@Suite("ZeroMQ sockets")
struct SocketTests {
    /// Receives with a deadline; the transport has threads of its own.
    func receive(_ socket: ZMQSocket) throws -> [[UInt8]]? {
        let loop = try EventLoop()
        let watch = try loop.watch(socket.descriptor) { _ in }
        defer { loop.forget(watch) }
        let deadline = ContinuousClock.now + .seconds(10)
        while ContinuousClock.now < deadline {
            if case .message(let frames) = try socket.receive() { return frames }
            try loop.turn(waitingAtMost: .milliseconds(20))
        }
        return nil
    }

    @Test("A router on a listener of ours answers a dealer")
    func router() throws {
        let context = try ZMQContext()
        let listener = try TCPListener.listen(address: "127.0.0.1", port: 0)
        let router = try ZMQSocket(context, .router)
        try router.setLinger(0)
        try router.setRouterHandover(true)
        try router.bind("tcp://127.0.0.1:*")
        let dealer = try ZMQSocket(context, .dealer)
        try dealer.setLinger(0)
        try dealer.setIdentity([7])
        try dealer.connect(router.lastEndpoint)
        #expect(try dealer.send([[1], [2, 3]]))
        #expect(try receive(router) == [[7], [1], [2, 3]])
        #expect(try router.send([[7], [4]]))
        #expect(try receive(dealer) == [[4]])
        withExtendedLifetime(listener) {}
    }

    @Test("A public key is computed from a secret one: the pair of zmq_curve_keypair(3)")
    func curveKeys() throws {
        #expect(ZMQCurve.isAvailable)
        #expect(
            try ZMQCurve.publicKey(of: "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs")
                == "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID")
        #expect(throws: ZMQError.self) { try ZMQCurve.publicKey(of: "x") }
    }

    @Test("A full subscriber makes a send fail instead of losing the message")
    func noDrop() throws {
        let context = try ZMQContext()
        let publisher = try ZMQSocket(context, .xpub)
        try publisher.setLinger(0)
        try publisher.setXPUBNoDrop(true)
        try publisher.setSendHighWater(10)
        try publisher.bind("tcp://127.0.0.1:*")
        let subscriber = try ZMQSocket(context, .sub)
        try subscriber.setLinger(0)
        try subscriber.setReceiveHighWater(10)
        try subscriber.subscribe([])
        try subscriber.connect(publisher.lastEndpoint)
        #expect(try receive(publisher) == [[1]])
        let message = [[UInt8](repeating: 1, count: 100_000)]
        var sent = 0
        while sent < 10_000, try publisher.send(message) { sent += 1 }
        #expect(sent < 10_000)
        for _ in 0..<sent { #expect(try receive(subscriber)?.count == 1) }
    }
}
