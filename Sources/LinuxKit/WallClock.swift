import Glibc

/// The time of day.
public enum WallClock {
    /// Microseconds since 1970 (clock_gettime(2), CLOCK_REALTIME).
    public static var microseconds: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
