import KeeperWire
import KernelRuntime
import LeaseWire
import LinuxKit
import Testing

@Suite("What owners and servers tell each other")
struct LeaseMessageTests {
    private static let terms: LeaseTerms = {
        var limits = KernelLimits()
        limits.cellTime = .milliseconds(1500)
        limits.output = 1 << 20
        return LeaseTerms(
            order: KernelOrder(
                kernel: "owned", orphanSeconds: 60, sandbox: SandboxSpec(),
                interpreter: InterpreterSpec(
                    door: .exec(path: "/python", arguments: ["-I"]), environment: ["A=1"], directory: "/home/user",
                    arguments: [])),
            history: .file("/history"), limits: limits, owner: ProcessIdentity(pid: 7, began: 9))
    }()

    @Test(
        "Every request comes back",
        arguments: [
            LeaseRequest.hello, .start(ids: ["a", "b"], connection: [1, 2], terms), .resume(id: "a"), .interrupt, .end,
            .settle, .connect(id: "k"),
        ])
    func requests(_ request: LeaseRequest) throws {
        #expect(try LeaseRequest(decoding: request.encoded) == request)
    }

    @Test(
        "Every reply comes back",
        arguments: [
            LeaseReply.hello, .running(id: "a", kernel: "a-1"), .refused("why"), .settled,
            .ended(.outOfMemory, lastWords: ""), .ended(.requested, lastWords: "no such file"), .notice("look"),
            .connection([123, 125]),
        ])
    func replies(_ reply: LeaseReply) throws {
        #expect(try LeaseReply(decoding: reply.encoded) == reply)
    }

    @Test("Half a message is none")
    func cut() {
        let whole = LeaseRequest.start(ids: ["a"], connection: [], LeaseMessageTests.terms).encoded
        for count in 0..<whole.count {
            #expect(throws: WireError.self) { try LeaseRequest(decoding: Array(whole.prefix(count))) }
        }
    }

    @Test("Another version is named")
    func version() {
        #expect(throws: WireError.version(theirs: 0)) { try LeaseRequest(decoding: [0, 0, 0, 0, 0]) }
    }
}
