import ArgumentParser
import KernelHosting

/// Which kernels are ended because nobody uses them, also by the names that Jupyter Server has for it.
struct CullingOptions: ParsableArguments {
    @Option(
        name: CullingOptions.names("cull-idle-timeout", "cull_idle_timeout"),
        help: ArgumentHelp(
            "Seconds without any activity after which a kernel is ended; 0 or less for never.", valueName: "seconds"))
    var cullIdleTimeout: Int64 = 0

    @Option(
        name: CullingOptions.names("cull-interval", "cull_interval"),
        help: ArgumentHelp("How often is looked for such kernels; 0 or less for the default.", valueName: "seconds"))
    var cullInterval = CullingRules.usualInterval

    @Flag(help: "End kernels that somebody is connected to, too.")
    var cullConnected = false

    @Flag(help: "End kernels that are running something, too.")
    var cullBusy = false

    @Option(name: CullingOptions.names(nil, "cull_connected"), help: .hidden)
    var jupyterConnected: PythonFlag?

    @Option(name: CullingOptions.names(nil, "cull_busy"), help: .hidden)
    var jupyterBusy: PythonFlag?

    /// The rules; nil when no kernel is ended for this.
    var rules: CullingRules? {
        CullingRules(
            timeout: cullIdleTimeout, interval: cullInterval,
            includesConnected: jupyterConnected?.isSet ?? cullConnected, includesBusy: jupyterBusy?.isSet ?? cullBusy)
    }

    private static func names(_ own: String?, _ jupyter: String) -> NameSpecification {
        let classes = ["MappingKernelManager", "AsyncMappingKernelManager"]
        let names = (own.map { [$0] } ?? []) + classes.map { "\($0).\(jupyter)" }
        return NameSpecification(names.map { .customLong($0) })
    }
}
