/// What is done to a cell that has run for too long, one thing after the other until it ends.
enum DeadlineStep: String, CaseIterable {
    case interrupt
    case secondInterrupt = "second_interrupt"
    case restart

    /// How long a cell has to heed one before the next.
    static let patience: Duration = .seconds(1)

    /// What follows.
    var next: DeadlineStep? {
        switch self {
        case .interrupt: .secondInterrupt
        case .secondInterrupt: .restart
        case .restart: nil
        }
    }

    /// What programs are told in the result.
    var reason: String {
        switch self {
        case .interrupt: "deadline_interrupted"
        case .secondInterrupt: "deadline_interrupted_again"
        case .restart: "deadline_restarted"
        }
    }

    /// What the cell's user reads.
    func line(seconds: Double) -> String {
        switch self {
        case .interrupt: "The cell has run for \(seconds) s, its deadline: interrupted."
        case .secondInterrupt: "The cell goes on behind its deadline: interrupted again."
        case .restart: "The cell heeds no interrupt: its interpreter is killed and the kernel restarted."
        }
    }
}
