extension APIOperation {
    /// Everything that the server answers. `Endpoint` says the same to the server itself; a test compares them.
    static let all = server + kernels + executions + sessions + contents + terminals

    private static let server: [APIOperation] = [
        .init(
            method: "GET", path: "/", summary: "Whether the server is there; with a token, a login for browsers.",
            gives: "text/plain", refusals: [302]),
        .init(
            method: "GET", path: "/health/live", summary: "Whether the process answers.", gives: "Any", isPublic: true),
        .init(
            method: "GET", path: "/health/ready", summary: "Whether requests are taken.", gives: "Any", isPublic: true),
        .init(
            method: "GET", path: "/login", summary: "A form for the token, and the _xsrf cookie.",
            query: ["next": "The path to go on with."], gives: "text/html", refusals: [302], isPublic: true),
        .init(
            method: "POST", path: "/login",
            summary: "Takes the form, password and _xsrf, and gives the login cookie for it.",
            query: ["next": "The path to go on with."], status: 302, refusals: [401, 403], isPublic: true),
        .init(
            method: "GET", path: "/logout", summary: "Takes the login cookie away.", gives: "text/html", isPublic: true),
        .init(
            method: "GET", path: "/api", summary: "The version of Jupyter Server whose API this is.", gives: "Version",
            isPublic: true),
        .init(method: "GET", path: "/api/status", summary: "How much goes on.", gives: "Status"),
        .init(
            method: "GET", path: "/api/me", summary: "Who the client is, and what it may do.",
            query: ["permissions": "A JSON object of lists of actions by resource."], gives: "Identity", refusals: [400]
        ),
        .init(method: "GET", path: "/metrics", summary: "What the server counts, for Prometheus.", gives: "text/plain"),
        .init(method: "GET", path: "/api/spec.yaml", summary: "This description.", gives: "text/x-yaml"),
        .init(
            method: "GET", path: "/api/resolvePath", summary: "Where a path is in the contents API.",
            query: [
                "path": "The path, of the server's machine or relative.",
                "kernel": "A kernel in whose folder it begins.",
            ],
            gives: "Resolved", refusals: [400]),
        .init(method: "POST", path: "/api/shutdown", summary: "Ends the kernels, and then the server."),
        .init(
            method: "GET", path: "/api/usage",
            summary: "What kernels, owners and all together have used, and what it costs.",
            query: ["kernel": "Only this kernel.", "owner": "Only what is put down to this owner."], gives: "Usage",
            refusals: [404, 500, 501]),
        .init(
            method: "POST", path: "/api/events", summary: "Tells everybody who subscribes an event.", takes: "Event",
            status: 204, refusals: [400]),
        .init(
            method: "GET", path: "/api/events/subscribe", summary: "The server's events: a WebSocket.", status: 101,
            refusals: [400]),
        .init(
            method: "POST", path: "/api/security/csp-report", summary: "Takes a browser's report into the log.",
            takes: "Any", refusals: [413]),
        .init(
            method: "GET", path: "/api/config/{section}", summary: "What a front end keeps in a section.", gives: "Any",
            refusals: [404]),
        .init(
            method: "PUT", path: "/api/config/{section}", summary: "Writes a section.", takes: "Any", status: 204,
            refusals: [400, 404, 413]),
        .init(
            method: "PATCH", path: "/api/config/{section}",
            summary: "Changes what is named, objects within too; null takes it away.", takes: "Any", gives: "Any",
            refusals: [400, 404, 413]),
    ]

    private static let terminals: [APIOperation] = [
        .init(method: "GET", path: "/api/terminals", summary: "The terminals, the oldest first.", gives: "Any"),
        .init(
            method: "POST", path: "/api/terminals",
            summary: "Opens a terminal in a sandbox of its own, or in that of a kernel.", takes: "Any", gives: "Any",
            refusals: [400, 404, 500]),
        .init(
            method: "GET", path: "/api/terminals/{name}", summary: "How a terminal is.", gives: "Any", refusals: [404]),
        .init(
            method: "DELETE", path: "/api/terminals/{name}", summary: "Ends a terminal.", status: 204, refusals: [404]),
        .init(
            method: "GET", path: "/terminals/websocket/{name}", summary: "What is typed and shown: a WebSocket.",
            status: 101, refusals: [400, 404]),
    ]

    private static let kernels: [APIOperation] = [
        .init(
            method: "GET", path: "/api/kernelspecs", summary: "The kernels that can be started.", gives: "KernelSpecs"),
        .init(
            method: "GET", path: "/api/kernelspecs/{name}", summary: "One of them.", gives: "KernelSpec",
            refusals: [404]),
        .init(
            method: "GET", path: "/kernelspecs/{name}/{file}", summary: "A file beside it, a logo for example.",
            gives: "application/octet-stream", refusals: [404]),
        .init(method: "GET", path: "/api/kernels", summary: "The kernels, the oldest first.", gives: "[Kernel]"),
        .init(
            method: "POST", path: "/api/kernels", summary: "Starts a kernel.", takes: "KernelStart", gives: "Kernel",
            status: 201, refusals: [400, 409, 501]),
        .init(method: "GET", path: "/api/kernels/{id}", summary: "How a kernel is.", gives: "Kernel", refusals: [404]),
        .init(
            method: "POST", path: "/api/kernels/{id}/connect",
            summary: "Opens a kernel's ZeroMQ sockets; the answer is a connection file.", gives: "Any",
            refusals: [404, 409]),
        .init(method: "DELETE", path: "/api/kernels/{id}", summary: "Ends a kernel.", status: 204, refusals: [404]),
        .init(
            method: "POST", path: "/api/kernels/{id}/interrupt", summary: "Interrupts what runs.", status: 204,
            refusals: [404]),
        .init(
            method: "POST", path: "/api/kernels/{id}/restart", summary: "A new interpreter in the same sandbox.",
            gives: "Kernel", refusals: [404, 500]),
        .init(
            method: "GET", path: "/api/kernels/{id}/channels", summary: "The kernel's channels: a WebSocket.",
            query: [
                "session_id": "The client's name, under which it can come back.", "since": "The last event it has.",
            ],
            status: 101, refusals: [400, 404]),
        .init(
            method: "GET", path: "/api/kernels/{id}/events", summary: "What the kernel has said.",
            query: ["since": "The last event that is known.", "follow": "1: go on with what it says."],
            gives: "application/x-ndjson", refusals: [400, 404]),
    ]

    private static let executions: [APIOperation] = [
        .init(
            method: "GET", path: "/api/kernels/{id}/execute", summary: "Cells that have not ended.", gives: "Any",
            refusals: [404]),
        .init(
            method: "POST", path: "/api/kernels/{id}/execute", summary: "Runs a cell; the result waits.", takes: "Cell",
            gives: "Execution", status: 202, refusals: [400, 404, 409, 422]),
        .init(
            method: "GET", path: "/api/kernels/{id}/requests/{uid}",
            summary:
                "The result of a cell: 202 until it is there, 300 while the cell waits for input, 500 when it was not run.",
            gives: "Execution", refusals: [404, 500]),
        .init(
            method: "DELETE", path: "/api/kernels/{id}/requests/{uid}", summary: "Interrupts a cell.", status: 204,
            refusals: [404, 409]),
        .init(
            method: "POST", path: "/api/kernels/{id}/input", summary: "The line that a cell waits for.", takes: "Input",
            status: 201, refusals: [400, 404, 409]),
    ]

    private static let sessions: [APIOperation] = [
        .init(
            method: "GET", path: "/api/sessions", summary: "Which document runs in which kernel.", gives: "[Session]"),
        .init(
            method: "POST", path: "/api/sessions", summary: "A session for a path: the one there is, or a new one.",
            takes: "Session", gives: "Session", status: 201, refusals: [400, 409, 501]),
        .init(method: "GET", path: "/api/sessions/{id}", summary: "One of them.", gives: "Session", refusals: [404]),
        .init(
            method: "PATCH", path: "/api/sessions/{id}", summary: "Gives it another path, or another kernel.",
            takes: "Session", gives: "Session", refusals: [400, 404, 409, 501]),
        .init(
            method: "DELETE", path: "/api/sessions/{id}", summary: "Ends it, and its kernel.", status: 204,
            refusals: [404, 410]),
    ]

    private static let contents: [APIOperation] = [
        .init(
            method: "GET", path: "/files/{path}", summary: "The bytes of a file, or a range of them.",
            gives: "application/octet-stream",
            refusals: [404, 413, 416]),
        .init(
            method: "GET", path: "/api/contents/{path}", summary: "A file, a notebook or a folder.",
            query: [
                "type": "file, notebook or directory", "format": "text or base64", "content": "0: without it",
                "hash": "1: with its hash",
            ], gives: "Contents", refusals: [400, 404]),
        .init(
            method: "POST", path: "/api/contents/{path}", summary: "Makes something in a folder, and names it.",
            takes: "Any", gives: "Contents", status: 201, refusals: [400, 404]),
        .init(
            method: "PUT", path: "/api/contents/{path}", summary: "Saves something under a name; 201 when it is new.",
            takes: "Contents", gives: "Contents", refusals: [400, 404, 413]),
        .init(
            method: "PATCH", path: "/api/contents/{path}", summary: "Gives it another path.", takes: "Contents",
            gives: "Contents", refusals: [400, 404, 409]),
        .init(
            method: "DELETE", path: "/api/contents/{path}", summary: "Removes it for good.", status: 204,
            refusals: [400, 404]),
        .init(
            method: "GET", path: "/api/contents/{path}/checkpoints", summary: "Its checkpoints.", gives: "[Checkpoint]",
            refusals: [404]),
        .init(
            method: "POST", path: "/api/contents/{path}/checkpoints", summary: "Makes a checkpoint.",
            gives: "Checkpoint", status: 201, refusals: [404]),
        .init(
            method: "POST", path: "/api/contents/{path}/checkpoints/{checkpoint}",
            summary: "Goes back to a checkpoint.",
            status: 204, refusals: [404]),
        .init(
            method: "DELETE", path: "/api/contents/{path}/checkpoints/{checkpoint}", summary: "Forgets a checkpoint.",
            status: 204, refusals: [404]),
        .init(
            method: "POST", path: "/api/contents/{path}/trust", summary: "Trusts a notebook's output.", status: 201,
            refusals: [404]),
    ]
}
