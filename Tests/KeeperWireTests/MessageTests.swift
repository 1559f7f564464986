import KeeperWire
import LinuxKit
import Testing

@Suite("Messages between Husk's processes")
struct MessageTests {
    static var order: KernelOrder {
        var sandbox = SandboxSpec()
        sandbox.mounts = [.init(host: "/a", inside: "/b", mode: .overlay)]
        sandbox.limits.memory = 7
        return KernelOrder(
            kernel: "k-1", sandboxName: "s", orphanSeconds: 60, sandbox: sandbox,
            interpreter: InterpreterSpec(
                door: .exec(path: "/p", arguments: ["-c", "é"]), environment: ["A=b"], directory: "/w"))
    }

    static let every: [KeeperRequest] = [
        .hello, .start(order), .adopt(kernel: "a"), .deposit(kernel: "b"), .interrupt(kernel: "c"), .end(kernel: "d"),
        .list, .stop(kernel: "e"), .look,
    ]

    private static let facts = KernelFacts(
        kernel: "k", sandboxName: "s", sandboxID: "0f", owner: "ada", pid: 1, sandboxPID: 2, began: 3,
        death: .outOfMemory, isDurable: true, isServed: false, limits: ["x"], groups: ["/y", "/z"])

    @Test("Every request comes back", arguments: MessageTests.every)
    func request(_ request: KeeperRequest) throws {
        #expect(try KeeperRequest(decoding: request.encoded) == request)
    }

    @Test(
        "Every reply comes back",
        arguments: [
            KeeperReply.hello(pid: 3), .done, .refused(code: "a", reason: "b"),
            .running(kernel: MessageTests.facts), .kernels([]),
            .kernels([MessageTests.facts, MessageTests.facts]), .ended(kernel: "k", death: .forbiddenCall),
            .ended(kernel: "k", death: .deadline), .ended(kernel: "k", death: .idle),
            .ended(kernel: "k", death: .output), .ended(kernel: "k", death: .stopped),
            .ended(kernel: "k", death: .process(.signalled(11))), .ended(kernel: "k", death: .violation("why")),
            .ended(kernel: "k", death: .journal("full")),
        ])
    func reply(_ reply: KeeperReply) throws {
        #expect(try KeeperReply(decoding: reply.encoded) == reply)
    }

    @Test("A message cut anywhere, or with more behind it, is refused")
    func cut() {
        let bytes = KeeperRequest.start(Self.order).encoded
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) { try KeeperRequest(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: WireError.self) { try KeeperRequest(decoding: bytes + [0]) }
    }

    @Test("Another version is refused by name")
    func version() {
        #expect(throws: WireError.version(theirs: 9)) { try KeeperRequest(decoding: [0, 9, 0, 0, 0]) }
    }

    @Test(
        "Names that are no file names are refused",
        arguments: ["", "..", "a/b", "é", String(repeating: "a", count: 65)])
    func names(_ name: String) {
        #expect(!KernelOrder.isValidName(name))
    }
}
