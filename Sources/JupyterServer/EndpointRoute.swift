import JupyterServerAPI

extension Endpoint {
    /// The shape of its path, for metrics and traces: nothing of what a client has named.
    var route: String {
        switch self {
        case .home: "/"
        case .version: "/api"
        case .status: "/api/status"
        case .identity: "/api/me"
        case .kernelSpecs: "/api/kernelspecs"
        case .kernelSpec: "/api/kernelspecs/{name}"
        case .kernelSpecFile: "/kernelspecs/{name}/{file}"
        case .kernels: "/api/kernels"
        case .kernel: "/api/kernels/{id}"
        case .kernelAction(_, let action): "/api/kernels/{id}/\(action.rawValue)"
        case .kernelChannels: "/api/kernels/{id}/channels"
        case .kernelEvents: "/api/kernels/{id}/events"
        case .connect: "/api/kernels/{id}/connect"
        case .execute: "/api/kernels/{id}/execute"
        case .execution: "/api/kernels/{id}/requests/{uid}"
        case .input: "/api/kernels/{id}/input"
        case .terminals: "/api/terminals"
        case .terminal: "/api/terminals/{name}"
        case .terminalSocket: "/terminals/websocket/{name}"
        case .sessions: "/api/sessions"
        case .session: "/api/sessions/{id}"
        case .contents: "/api/contents/{path}"
        case .checkpoints: "/api/contents/{path}/checkpoints"
        case .checkpoint: "/api/contents/{path}/checkpoints/{id}"
        case .trust: "/api/contents/{path}/trust"
        case .file: "/files/{path}"
        case .health: "/health"
        case .metrics: "/metrics"
        case .server(let endpoint): endpoint.route
        }
    }
}

extension ServerEndpoint {
    /// The shape of its path.
    var route: String {
        switch self {
        case .config: "/api/config/{section}"
        case .specification: "/api/spec.yaml"
        case .resolvePath: "/api/resolvePath"
        case .shutdown: "/api/shutdown"
        case .securityReport: "/api/security/csp-report"
        case .logIn: "/login"
        case .logOut: "/logout"
        case .events: "/api/events"
        case .eventSubscription: "/api/events/subscribe"
        case .usage: "/api/usage"
        }
    }
}
