extension HostedKernel {
    /// Runs a cell whether or not anybody waits for it.
    ///
    /// - Parameters:
    ///   - id: a new id for the request.
    ///   - key: the client's name for the request: a second call with it is the first one again.
    public func execute(_ id: String, _ order: ExecutionOrder, key: String?) throws -> ExecutionReport {
        guard isAlive else { throw HostingError.notRunning(self.id) }
        noteUse()
        return try executions.submit(id, order, key: key)
    }

    /// How an execution is; nil for one that is not known.
    public func execution(_ id: String) throws -> ExecutionReport? { try executions.report(id) }

    /// The executions that have not ended, the oldest first.
    public func pendingExecutions() -> [ExecutionReport] { executions.reports() }

    /// Watches an execution from its beginning to its end. `forget` lets the watcher go.
    public func observe(execution id: String) throws -> EventQueue {
        let place = try executions.place(id)
        return observe(
            id, generation: place?.generation ?? 0, since: place?.since ?? 0, isLive: place?.isPending ?? false)
    }
}
