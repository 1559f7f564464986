// swift-tools-version: 6.2

import PackageDescription

/// What every Swift target is held to.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// For libraries of C that an interpreter loads inside a sandbox, where Swift's are not: Embedded links none.
let withoutSwift: [LinkerSetting] = [
    .unsafeFlags(["-enable-experimental-feature", "Embedded", "-nostartfiles"])
]

let gnu: [CSetting] = [.define("_GNU_SOURCE")]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS = Target.Dependency.product(name: "HummingbirdTLS", package: "hummingbird")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOWebSocket", package: "swift-nio"),
    .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
    .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
]
let ssl = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let tracing = Target.Dependency.product(name: "Tracing", package: "swift-distributed-tracing")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "husk",
    products: [
        .executable(name: "husk", targets: ["husk"]),
        .executable(name: "husk-keeper", targets: ["husk-keeper"]),
        .executable(name: "husk-server", targets: ["husk-server"]),
        .executable(name: "husk-python", targets: ["husk-python"]),
        .library(name: "husk-channel", type: .dynamic, targets: ["CChannel"]),
        .library(name: "husk-python-stream", type: .dynamic, targets: ["CPythonStream"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.9.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        // Without traits: files are read here, and with whole Foundation there.
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        // Without traits: no configuration of its own, and no whole Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries and C. CLinux is the only place for system calls that Swift cannot see.
        .systemLibrary(name: "CPython", pkgConfig: "python3-embed", providers: [.apt(["libpython3-dev"])]),
        .systemLibrary(name: "CSeccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZeroMQ", providers: [.apt(["libzmq3-dev"])]),
        .target(name: "CLinux", cSettings: gnu),
        .target(name: "CChannel", cSettings: gnu, linkerSettings: withoutSwift),
        .target(name: "CPythonShim", dependencies: ["CPython"], cSettings: gnu),
        .systemLibrary(name: "CPythonHeaders", pkgConfig: "python3", providers: [.apt(["libpython3-dev"])]),
        .target(name: "CPythonStream", dependencies: ["CPythonHeaders"], cSettings: gnu, linkerSettings: withoutSwift),

        // Leaf modules.
        .target(
            name: "LinuxKit",
            dependencies: ["CLinux", system],
            swiftSettings: strict),
        .target(
            name: "InterpreterChannel", dependencies: ["CLinux", "LinuxKit", collections], swiftSettings: strict),
        .target(name: "EventJournal", dependencies: ["CLinux", "LinuxKit", system], swiftSettings: strict),
        .target(name: "JupyterProtocol", dependencies: [crypto], swiftSettings: strict),
        .target(name: "SQLiteDatabase", dependencies: ["CSQLite"], swiftSettings: strict),
        .target(name: "HistoryStore", dependencies: ["JupyterProtocol", "SQLiteDatabase"], swiftSettings: strict),
        .target(name: "BoundedQueue", dependencies: [collections], swiftSettings: strict),
        .target(name: "ServerDatabase", dependencies: ["LinuxKit", grdb], swiftSettings: strict),
        .target(name: "UsageLedger", dependencies: ["JupyterProtocol", "SQLiteDatabase"], swiftSettings: strict),
        .target(name: "NotebookFormat", dependencies: ["JupyterProtocol"], swiftSettings: strict),
        .target(name: "JupyterServerAPI", dependencies: ["JupyterProtocol"], swiftSettings: strict),
        .target(name: "AccessRules", dependencies: ["JupyterProtocol", "JupyterServerAPI"], swiftSettings: strict),
        .target(
            name: "ContentsStore",
            dependencies: ["CLinux", "JupyterProtocol", "JupyterServerAPI", "LinuxKit", "NotebookFormat", crypto],
            swiftSettings: strict),
        .target(name: "ConfigStore", dependencies: ["JupyterProtocol", "LinuxKit"], swiftSettings: strict),
        .target(name: "ServerEvents", dependencies: ["BoundedQueue", "JupyterProtocol"], swiftSettings: strict),
        .target(
            name: "SessionRegister", dependencies: ["JupyterServerAPI", "ServerDatabase", grdb], swiftSettings: strict),
        .target(name: "KernelWebSocket", dependencies: ["JupyterProtocol"], swiftSettings: strict),
        .target(name: "WebSocketTerminal", dependencies: ["JupyterProtocol"], swiftSettings: strict),
        .target(name: "ZeroMQ", dependencies: ["CZeroMQ", "LinuxKit"], swiftSettings: strict),
        .target(name: "KeeperWire", dependencies: ["LinuxKit"], swiftSettings: strict),

        // What runs as a sandbox, and beside it.
        .target(name: "Sandboxing", dependencies: ["CLinux", "KeeperWire", "LinuxKit"], swiftSettings: strict),
        .target(
            name: "SandboxInit",
            dependencies: ["CLinux", "KeeperWire", "LinuxKit"],
            swiftSettings: strict),
        .target(
            name: "Keeper",
            dependencies: ["CLinux", "CSeccomp", "KeeperWire", "LinuxKit", "Sandboxing"],
            swiftSettings: strict),
        .target(
            name: "PythonHost",
            dependencies: ["CLinux", "CPython", "CPythonShim", "KeeperWire", "LinuxKit", "Sandboxing"],
            swiftSettings: strict),

        // The server.
        .target(
            name: "KernelRuntime",
            dependencies: [
                "CLinux", "EventJournal", "HistoryStore", "InterpreterChannel", "JupyterProtocol", "KeeperWire",
                "LinuxKit",
                "SQLiteDatabase", "UsageLedger", "ZeroMQ", collections, logging, system,
            ],
            swiftSettings: strict),
        .target(name: "LeaseWire", dependencies: ["KeeperWire", "KernelRuntime", "LinuxKit"], swiftSettings: strict),
        .target(
            name: "KernelHosting",
            dependencies: [
                "BoundedQueue", "JupyterProtocol", "KeeperWire", "KernelRuntime", "LeaseWire", "LinuxKit",
                "NotebookFormat", "ServerDatabase", collections, grdb, logging, metrics, tracing,
            ], swiftSettings: strict),
        .target(
            name: "TerminalHosting",
            dependencies: ["BoundedQueue", "KeeperWire", "KernelRuntime", "LinuxKit", "WebSocketTerminal"],
            swiftSettings: strict),
        .target(name: "Replay", dependencies: ["JupyterProtocol", "NotebookFormat"], swiftSettings: strict),
        // What knows of HTTP and nothing of kernels.
        .target(
            name: "WebServing",
            dependencies: [collections, hummingbirdCore, httpTypes, lifecycle, logging, metrics, ssl] + nio,
            swiftSettings: strict),
        .target(
            name: "OTLPTracing",
            dependencies: ["JupyterProtocol", asyncHTTPClient, logging, metrics, tracing] + nio,
            swiftSettings: strict),
        .target(name: "PrometheusMetrics", dependencies: [coreMetrics], swiftSettings: strict),
        .target(
            name: "JupyterServer",
            dependencies: [
                "AccessRules", "BoundedQueue", "ConfigStore", "ContentsStore", "JupyterProtocol", "JupyterServerAPI",
                "KernelHosting",
                "KernelRuntime", "KernelWebSocket", "LinuxKit", "PrometheusMetrics", "ServerEvents", "SessionRegister",
                "TerminalHosting", "UsageLedger", "WebServing", "WebSocketTerminal", crypto, hummingbird,
                hummingbirdCore,
                hummingbirdTLS, httpTypes, lifecycle, logging, metrics, tracing,
            ] + nio, swiftSettings: strict),
        .target(
            name: "Command",
            dependencies: [
                "EventJournal", "JupyterProtocol", "JupyterServerAPI", "KernelRuntime", "LeaseWire", "LinuxKit",
                "NotebookFormat", "Replay",
                "ZeroMQ", "KeeperWire", "Sandboxing", "SQLiteDatabase", "UsageLedger", argumentParser, crypto, logging,
                system,
            ],
            swiftSettings: strict),

        .executableTarget(name: "husk", dependencies: ["Command"], swiftSettings: strict),
        // Static to the last byte: PID 1 of every sandbox starts in a third of the time, and needs no library of
        // the sandbox's.
        .executableTarget(
            name: "husk-keeper",
            dependencies: ["Keeper", "SandboxInit"],
            swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["-static-executable"])]),
        .executableTarget(
            name: "husk-server",
            dependencies: [
                "AccessRules", "Command", "ContentsStore", "JupyterProtocol", "JupyterServer", "JupyterServerAPI",
                "KernelHosting", "LinuxKit", "OTLPTracing", "PrometheusMetrics", "TerminalHosting", "WebServing",
                argumentParser, asyncHTTPClient, configuration, logging, metrics, ssl, tracing,
            ], swiftSettings: strict),
        .executableTarget(name: "husk-python", dependencies: ["PythonHost"], swiftSettings: strict),

        // Tests mirror the targets; Tests/Peers holds the tests against real clients, in Python.
        .testTarget(name: "LinuxKitTests", dependencies: ["CLinux", "LinuxKit"], swiftSettings: strict),
        .testTarget(
            name: "InterpreterChannelTests", dependencies: ["InterpreterChannel", "LinuxKit"],
            swiftSettings: strict),
        .testTarget(name: "EventJournalTests", dependencies: ["EventJournal", "LinuxKit"], swiftSettings: strict),
        .testTarget(name: "KeeperWireTests", dependencies: ["KeeperWire", "LinuxKit"], swiftSettings: strict),
        .testTarget(name: "JupyterProtocolTests", dependencies: ["JupyterProtocol"], swiftSettings: strict),
        .testTarget(
            name: "HistoryStoreTests", dependencies: ["HistoryStore", "JupyterProtocol", "SQLiteDatabase"],
            swiftSettings: strict),
        .testTarget(name: "UsageLedgerTests", dependencies: ["JupyterProtocol", "UsageLedger"], swiftSettings: strict),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "InterpreterChannel", "JupyterProtocol", "KeeperWire", "KernelWebSocket", "NotebookFormat",
                "WebServing",
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ] + nio,
            exclude: ["Corpus"], swiftSettings: strict),
        .testTarget(
            name: "JupyterServerAPITests", dependencies: ["JupyterProtocol", "JupyterServerAPI"], swiftSettings: strict),
        .testTarget(
            name: "AccessRulesTests", dependencies: ["AccessRules", "JupyterServerAPI"], swiftSettings: strict),
        .testTarget(
            name: "ContentsStoreTests",
            dependencies: ["ContentsStore", "JupyterProtocol", "JupyterServerAPI", "LinuxKit"],
            swiftSettings: strict),
        .testTarget(
            name: "ConfigStoreTests", dependencies: ["ConfigStore", "JupyterProtocol", "LinuxKit"],
            swiftSettings: strict),
        .testTarget(
            name: "ServerEventsTests", dependencies: ["BoundedQueue", "JupyterProtocol", "ServerEvents"],
            swiftSettings: strict),
        .testTarget(
            name: "SessionRegisterTests",
            dependencies: ["JupyterServerAPI", "ServerDatabase", "SessionRegister", grdb], swiftSettings: strict),
        .testTarget(name: "BoundedQueueTests", dependencies: ["BoundedQueue"], swiftSettings: strict),
        .testTarget(
            name: "ServerDatabaseTests", dependencies: ["ServerDatabase", grdb], swiftSettings: strict),
        .testTarget(name: "WebSocketTerminalTests", dependencies: ["WebSocketTerminal"], swiftSettings: strict),
        .testTarget(
            name: "KernelWebSocketTests", dependencies: ["JupyterProtocol", "KernelWebSocket"], swiftSettings: strict),
        .testTarget(
            name: "JupyterServerTests", dependencies: ["JupyterProtocol", "JupyterServer", "JupyterServerAPI"],
            swiftSettings: strict),
        .testTarget(
            name: "KernelHostingTests",
            dependencies: ["BoundedQueue", "JupyterProtocol", "KeeperWire", "KernelHosting"],
            swiftSettings: strict),
        .testTarget(
            name: "OTLPTracingTests", dependencies: ["JupyterProtocol", "OTLPTracing", tracing],
            swiftSettings: strict),
        .testTarget(
            name: "PrometheusMetricsTests", dependencies: ["PrometheusMetrics", metrics], swiftSettings: strict),
        .testTarget(
            name: "WebServingTests",
            dependencies: ["WebServing", .product(name: "NIOEmbedded", package: "swift-nio")] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "LeaseWireTests", dependencies: ["KeeperWire", "KernelRuntime", "LeaseWire", "LinuxKit"],
            swiftSettings: strict),
        .testTarget(name: "KeeperTests", dependencies: ["Keeper"], swiftSettings: strict),
        .testTarget(
            name: "NotebookFormatTests", dependencies: ["JupyterProtocol", "NotebookFormat"], swiftSettings: strict),
        .testTarget(name: "SandboxingTests", dependencies: ["Sandboxing"], swiftSettings: strict),
        .testTarget(name: "ZeroMQTests", dependencies: ["LinuxKit", "ZeroMQ"], swiftSettings: strict),
        .testTarget(
            name: "KernelRuntimeTests",
            dependencies: [
                "EventJournal", "InterpreterChannel", "JupyterProtocol", "KeeperWire", "KernelRuntime", "LinuxKit",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ReplayTests", dependencies: ["JupyterProtocol", "NotebookFormat", "Replay"], swiftSettings: strict),
    ]
)
