/// What is wrong with a notebook.
public struct NotebookError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where, for example `cells[3].source`; empty for the file as a whole.
    public let place: String
    /// What is wrong there.
    public let problem: String

    /// A stable name for programs.
    public var code: String { "notebook" }

    init(place: String, _ problem: String) {
        self.place = place
        self.problem = problem
    }

    /// The problem with its place, as one sentence's part.
    public var description: String { place.isEmpty ? "the file \(problem)" : "\(place) \(problem)" }
}
