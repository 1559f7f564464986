import NIOPosix

/// Calls that wait for disks: on threads that may.
enum BlockingCalls {
    static func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        try await NIOThreadPool.singleton.runIfActive(body)
    }
}
