import Glibc

/// What the kernel says of this process, under the names that every exporter uses (Prometheus, "Writing client
/// libraries", process metrics). What cannot be read is left out.
public struct ProcessReading: Hashable, Sendable {
    /// Seconds of CPU in user and system mode.
    let cpuSeconds: Double?
    let residentBytes: Double?
    let virtualBytes: Double?
    let openFiles: Double?
    let mostOpenFiles: Double?
    /// Seconds since 1970.
    let started: Double?

    /// Reads it.
    public init() {
        // After the name, which may have spaces and parentheses of its own; state is the first of these, field 3.
        let text = ProcessReading.file("/proc/self/stat")
        let fields = text.lastIndex(of: ")").map { text[$0...].dropFirst().split(separator: " ") } ?? []
        func field(_ number: Int) -> Double? { number - 3 < fields.count ? Double(fields[number - 3]) : nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        cpuSeconds = field(14).flatMap { user in field(15).map { (user + $0) / ticks } }
        virtualBytes = field(23)
        residentBytes = field(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
        let boot = ProcessReading.file("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
        started = boot.flatMap { Double($0.dropFirst(6)) }.flatMap { boot in field(22).map { boot + $0 / ticks } }
        openFiles = ProcessReading.entries("/proc/self/fd").map(Double.init)
        var limit = rlimit()
        let isKnown = getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0
        mostOpenFiles = isKnown ? Double(limit.rlim_cur) : nil
    }

    func add(to text: inout Exposition) {
        let metrics: [(String, MetricKind, String, Double?)] = [
            ("process_cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.", cpuSeconds),
            ("process_open_fds", .gauge, "Number of open file descriptors.", openFiles),
            ("process_max_fds", .gauge, "Maximum number of open file descriptors.", mostOpenFiles),
            ("process_virtual_memory_bytes", .gauge, "Virtual memory size in bytes.", virtualBytes),
            ("process_resident_memory_bytes", .gauge, "Resident memory size in bytes.", residentBytes),
            (
                "process_start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.", started
            ),
        ]
        for (name, kind, help, value) in metrics {
            guard let value else { continue }
            text.begin(name, kind, help: help)
            text.add(name, "", value)
        }
    }

    private static func file(_ path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 14)
        while true {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { break }
            text += part.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// How many entries a folder has, without the one that reading it opens.
    private static func entries(_ path: String) -> Int? {
        guard let folder = opendir(path) else { return nil }
        defer { closedir(folder) }
        var count = -1
        while let entry = readdir(folder) {
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        return count
    }
}
