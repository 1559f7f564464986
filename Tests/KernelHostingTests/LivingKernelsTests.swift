import KeeperWire
import Testing

@testable import KernelHosting

/// Kernels of servers among all that a keeper has.
@Suite struct LivingKernelsTests {
    private func facts(
        _ kernel: String, in sandbox: String, isDurable: Bool = true, isServed: Bool = false, death: Death? = nil
    ) -> KernelFacts {
        KernelFacts(
            kernel: kernel, sandboxName: sandbox, sandboxID: "1", owner: "", pid: 1, sandboxPID: 1, began: 0,
            death: death, isDurable: isDurable, isServed: isServed, limits: [], groups: [])
    }

    @Test func theLatestOfEachIsFound() {
        let living = LivingKernels([facts("a-1", in: "a"), facts("a-3", in: "a"), facts("b-c-2", in: "b-c")])
        #expect(living.ids == ["a", "b-c"])
        #expect(living.latest(besides: 0, of: "a") == 3)
        #expect(living.latest(besides: 2, of: "b-c") == nil)
        #expect(living.latest(besides: 1, of: "b-c") == 2)
        // It lives, whatever else does.
        #expect(living.latest(besides: 1, of: "a") == nil)
        #expect(living.latest(besides: 1, of: "c") == nil)
    }

    @Test func othersAreNone() {
        let living = LivingKernels([
            facts("k0123", in: "k0123"), facts("terminal-1-abcdef01", in: "terminal-1-abcdef01"), facts("a-1", in: "b"),
            facts("a-01", in: "a"), facts("a-0", in: "a"), facts("a-+1", in: "a"),
            facts("a-18446744073709551615", in: "a"),
            facts("b-1", in: "b", isDurable: false), facts("c-1", in: "c", isServed: true),
            facts("d-1", in: "d", death: .requested),
        ])
        #expect(living.ids.isEmpty)
    }
}
