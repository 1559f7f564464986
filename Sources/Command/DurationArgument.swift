import ArgumentParser

/// A time as people write it: `90`, `30s`, `2m`, `1.5h`, `500ms`.
struct DurationArgument: ExpressibleByArgument, Hashable {
    let duration: Duration

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("", 1)]
        for (suffix, factor) in units where argument.hasSuffix(suffix) {
            guard let value = Double(argument.dropLast(suffix.count)), value >= 0, value * factor < 1e9 else {
                continue
            }
            duration = .seconds(value * factor)
            return
        }
        return nil
    }
}
