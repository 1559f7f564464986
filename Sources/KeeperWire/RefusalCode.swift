/// Codes of the keeper's refusals that a server acts on; the others are for the user.
public enum RefusalCode {
    /// The warm host that was to fork the interpreter has ended. Nothing is left of the start, and another host can do it.
    public static let hostEnded = "interpreter_host_ended"
    /// The sandbox's last kernel has ended, and what was in it does not go.
    public static let sandboxEnding = "sandbox_ending"
}
