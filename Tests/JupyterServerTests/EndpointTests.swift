import JupyterServerAPI
import Testing

@testable import JupyterServer

/// What paths name.
@Suite struct EndpointTests {
    private static let id = "11111111-2222-4333-8444-555555555555"

    @Test(arguments: [
        ("/", Endpoint.home), ("/api", .version), ("/api/", .version), ("/api/kernels", .kernels),
        ("/login", .server(.logIn)), ("/api/kernels/\(id)", .kernel(id)),
        ("/api/kernels/\(id)/restart", .kernelAction(id, .restart)),
        ("/api/kernels/\(id)/channels", .kernelChannels(id)), ("/api/sessions/s", .session("s")),
        ("/api/contents", .contents("")), ("/api/contents/a%20b/c.txt", .contents("a b/c.txt")),
        ("/api/contents/a/checkpoints", .checkpoints("a")),
        ("/api/contents/a/checkpoints/checkpoint", .checkpoint("a", id: "checkpoint")),
        ("/api/contents/a.ipynb/trust", .trust("a.ipynb")), ("/files/a/b", .file("a/b")),
        ("/kernelspecs/python3/logo-64x64.png", .kernelSpecFile("python3", file: "logo-64x64.png")),
    ])
    func names(_ path: String, _ endpoint: Endpoint) {
        #expect(Endpoint(path: path) == endpoint)
    }

    @Test(arguments: [
        "/api/nonsense", "/api/kernels/../x", "/api/kernels/nonsense", "/api/kernels/\(id)/nonsense",
        "/api/kernels/\(id)/channels/more", "/api/sessions/a/b", "/nonsense", "/api/status/more",
    ])
    func namesNothing(_ path: String) {
        #expect(Endpoint(path: path) == nil)
    }

    @Test func slashesThatAreNoneToSwift() {
        // A slash and a combining mark are one character, and two bytes of which the first is a slash.
        #expect(Endpoint(path: "/api/contents/a/\u{301}b") == .contents("a/\u{301}b"))
    }

    @Test func queries() {
        #expect(APIRequest.query("a=1&b=x%20y+z&c&a=2") == ["a": "2", "b": "x y z", "c": ""])
        #expect(APIRequest.query("") == [:])
        #expect(APIRequest.query("token=a%2Bb") == ["token": "a+b"])
    }
}
