import Glibc
import LinuxKit
import Testing

@Suite("Processes that are written down")
struct ProcessIdentityTests {
    @Test("A process is found again, and none that only has its number")
    func own() throws {
        let me = try #require(ProcessIdentity(pid: getpid()))
        #expect(ProcessIdentityTests.isThere(me))
        #expect(!ProcessIdentityTests.isThere(ProcessIdentity(pid: me.pid, began: me.began + 1)))
    }

    private static func isThere(_ process: ProcessIdentity) -> Bool {
        if case .some = process.open() { true } else { false }
    }

    @Test("Nobody is nobody")
    func nobody() {
        #expect(ProcessIdentity(pid: Int32.max) == nil)
    }
}
