import JupyterProtocol
import JupyterServerAPI
import KernelHosting

/// `/api/kernels/{id}/execute`, `…/requests/{uid}` and `…/input`: cells whose client need not stay, in the shape of
/// jupyter-server-nbmodel.
struct ExecutionAPI: Sendable {
    let kernels: KernelAPI
    let place: APIPlace

    /// Runs a cell.
    func execute(_ id: String, _ request: APIRequest) async throws -> Answer {
        let kernel = try await kernels.kernel(id)
        let call = try ExecuteCall(parsing: request.body)
        let order = ExecutionOrder(content: call.content, metadata: call.metadata, deadline: call.deadline)
        let key = request.fields["idempotency-key"].flatMap { $0.isEmpty ? nil : $0 }
        let report = try await ExecutionAPI.refusing {
            try await kernel.execute(JupyterID.random(), order, key: key)
        }
        let location = [
            ("Location", place.execution(report.id, of: id)), ("Access-Control-Expose-Headers", "Location"),
        ]
        if let encoding = EventEncoding.named(in: request.fields["accept"]) {
            let queue = try await kernel.observe(execution: report.id)
            return EventsAPI.answer(encoding, queue, of: kernel, headers: location)
        }
        var answer = Answer.json(model(report, of: id), status: 202)
        answer.headers += location
        return answer
    }

    /// The executions that have not ended.
    func list(_ id: String) async throws -> Answer {
        let reports = try await kernels.kernel(id).pendingExecutions()
        return .json(["kernel_id": .string(id), "requests": .array(reports.map { model($0, of: id) })])
    }

    /// How an execution is.
    func report(_ uid: String, of id: String) async throws -> Answer {
        let report = try await find(uid, of: id)
        var answer: Answer
        switch report.state {
        case .queued, .running: return .json(model(report, of: id), status: 202)
        case .input:
            answer = .json(model(report, of: id), status: 300, location: place.input(of: id))
            answer.headers.append(("Access-Control-Expose-Headers", "Location"))
            return answer
        case .complete: return .json(model(report, of: id))
        case .failed: return .json(model(report, of: id), status: 500)
        }
    }

    /// Interrupts an execution.
    func cancel(_ uid: String, of id: String) async throws -> Answer {
        let report = try await find(uid, of: id)
        guard report.state != .queued else {
            throw APIError(409, "Request \(uid) has not begun, so that it cannot be interrupted.", reason: "queued")
        }
        if report.isPending { try await kernels.kernel(id).interrupt() }
        return .done
    }

    /// Gives a cell the line that it waits for.
    func input(_ id: String, _ request: APIRequest) async throws -> Answer {
        let kernel = try await kernels.kernel(id)
        guard let line = try RequestBody.text("input", of: try RequestBody.members(request.body) ?? [:]) else {
            throw APIError(400, "Missing field in JSON data: input", reason: "no_input")
        }
        guard await kernel.provideInput(line) else {
            throw APIError(409, "No request of this kernel waits for input.", reason: "no_input_wanted")
        }
        return Answer(status: 201)
    }

    private func find(_ uid: String, of id: String) async throws -> ExecutionReport {
        let kernel = try await kernels.kernel(id)
        guard let report = try await kernel.execution(uid) else {
            throw APIError(404, "Execution request \(uid) for kernel \(id) does not exists.")
        }
        return report
    }

    private func model(_ report: ExecutionReport, of id: String) -> JSONValue {
        var model = report.facts
        model["request_id"] = .string(report.id)
        model["kernel_id"] = .string(id)
        model["request_url"] = .string(place.execution(report.id, of: id))
        model["cell_id"] = report.metadata["cell_id"] ?? .null
        model["document_path"] = report.metadata["document_path"] ?? .null
        model["pending"] = .bool(report.isPending)
        switch report.state {
        case .queued: model["request_status"] = "queued"
        case .running: model["request_status"] = "running"
        case .input(let header, let content):
            model["request_status"] = "input"
            model["parent_header"] = header
            model["input_request"] = content
        case .complete: model["request_status"] = "complete"
        case .failed(let why):
            model["request_status"] = "complete"
            model["message"] = .string(why)
            model["reason"] = model["reason"] ?? .null
        }
        return .object(model)
    }

    private static func refusing<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        do {
            return try await body()
        } catch let error as HostingError {
            switch error {
            case .keyReused: throw APIError(422, "\(error)", reason: "idempotency_key_reused")
            default: throw APIError(409, "\(error)", reason: "kernel_not_running")
            }
        }
    }
}
