import Glibc
import Synchronization

/// When anybody has last asked for something that is more than a look whether the server is there.
final class APIActivity: Sendable {
    private let last = Atomic<Int64>(0)

    /// In microseconds since 1970; 0 when nobody has.
    var time: Int64 { last.load(ordering: .relaxed) }

    /// Somebody asks now, unless the request says that it does not count.
    func note(_ endpoint: Endpoint, _ request: APIRequest) {
        switch endpoint {
        case .home, .version, .health, .status, .file, .kernelSpecFile: return
        case .server(.resolvePath), .server(.securityReport), .server(.specification), .server(.logOut): return
        default: break
        }
        guard request.query["no_track_activity"] == nil else { return }
        last.store(Int64(Glibc.time(nil)) * 1_000_000, ordering: .relaxed)
    }
}
