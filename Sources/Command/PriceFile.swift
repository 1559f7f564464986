import JupyterProtocol
import LinuxKit
public import UsageLedger

/// The file in which an operator says what things cost.
public enum PriceFile {
    /// Reads the table: from the file that is named, or else from the one of `HUSK_PRICES`; nil when none is.
    public static func read(_ path: String?) throws -> PriceTable? {
        guard let path = path ?? Environment["HUSK_PRICES"] else { return nil }
        do {
            return try PriceTable(JSONValue(parsing: try WholeFile.read(path)))
        } catch let error as SystemError {
            throw Failure("price table \(path): \(SystemError.text(of: error.errno))", status: Failure.usage)
        } catch {
            throw Failure("price table \(path): \(error)", status: Failure.usage)
        }
    }
}
