import ArgumentParser
import Glibc
import JupyterServerAPI
import LinuxKit
import Logging
import OTLPTracing
import Tracing

/// The options for traces, and OpenTelemetry's own variables.
struct TracingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Send traces to this OpenTelemetry collector (OTLP/HTTP, JSON); OTEL_EXPORTER_OTLP_ENDPOINT otherwise.",
            valueName: "url"))
    var otlpEndpoint: String?

    /// Sets tracing up; nil when no collector is named, and then nothing is traced.
    func start(logger: Logger) throws -> OTLPExporter? {
        guard let address else { return nil }
        let headers = TracingOptions.pairs(ProcessVariables.value("OTEL_EXPORTER_OTLP_HEADERS"))
        let collector = try OTLPCollector(url: address, headers: headers)
        let queue = SpanQueue()
        InstrumentationSystem.bootstrap(OTLPTracer(queue))
        var resource = ["service.instance.id": Hexadecimal.random(digits: 32), "process.pid": "\(getpid())"]
        for (name, value) in TracingOptions.pairs(ProcessVariables.value("OTEL_RESOURCE_ATTRIBUTES")) {
            resource[name] = value
        }
        resource["service.name"] = ProcessVariables.value("OTEL_SERVICE_NAME") ?? resource["service.name"] ?? "husk"
        return OTLPExporter(queue, to: collector, resource: resource, logger: logger)
    }

    private var address: String? {
        if let otlpEndpoint { return OTLPCollector.traces(below: otlpEndpoint) }
        if let whole = TracingOptions.variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") { return whole }
        return TracingOptions.variable("OTEL_EXPORTER_OTLP_ENDPOINT").map(OTLPCollector.traces(below:))
    }

    /// A variable; an empty one is none, as OpenTelemetry has it.
    private static func variable(_ name: String) -> String? {
        ProcessVariables.value(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// `NAME=VALUE,NAME=VALUE`
    private static func pairs(_ text: String?) -> [(String, String)] {
        (text ?? "").split(separator: ",").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
            return parts.count == 2 ? (String(parts[0]), PercentEncoding.decoded(String(parts[1]))) : nil
        }
    }
}
