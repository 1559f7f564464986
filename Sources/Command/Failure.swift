import ArgumentParser
import Glibc

/// Ends a command with one line on standard error.
struct Failure: Error {
    /// Bad input: a file, an option.
    static let usage: Int32 = 2
    /// Anything else.
    static let general: Int32 = 1

    let status: Int32
    let text: String

    init(_ text: String, status: Int32 = Failure.general) {
        self.text = text
        self.status = status
    }

    /// Runs a command's body; a failure of any kind becomes its line and its status.
    static func report(_ command: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let exit as ExitCode {
            throw exit
        } catch let failure as Failure {
            StandardError.line("husk \(command): \(failure.text)")
            throw ExitCode(failure.status)
        } catch {
            StandardError.line("husk \(command): \(error)")
            throw ExitCode(Failure.general)
        }
    }
}

/// Lines for people on standard error.
enum StandardError {
    static func line(_ text: String) {
        // What is wrong is at the beginning; a file may hold names of any length.
        let most = 1500
        let cut = text.unicodeScalars.count > most ? String(text.unicodeScalars.prefix(most)) + "…" : text
        let bytes = Array((safe(cut) + "\n").utf8)
        _ = write(2, bytes, bytes.count)
    }

    /// Without control characters: what a sandbox says must not steer the operator's terminal.
    static func safe(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map {
                    $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? "\u{fffd}" : $0
                }))
    }
}
