import Testing

@testable import JupyterServer

/// Where paths lead.
@Suite struct PathAPITests {
    @Test(arguments: [
        ("a.py", "", "a.py"), ("a.py", "below", "below/a.py"), ("../a.py", "below", "a.py"),
        ("/srv/root/x/y", "", "x/y"),
        ("/srv/root", "", ""), ("/srv/root/", "", ""), ("", "below", "below"), ("./a//b/.", "", "a/b"),
        ("/srv/root/../root/a", "", "a"),
    ])
    func inside(_ path: String, _ folder: String, _ wanted: String) {
        #expect(PathAPI.path(path, below: "/srv/root", from: folder) == wanted)
    }

    @Test(arguments: ["/etc/passwd", "..", "../../..", "/srv/rooted/a", "a/../../b", "/", "../../../../.."])
    func outside(_ path: String) {
        #expect(PathAPI.path(path, below: "/srv/root", from: "") == nil)
    }
}
