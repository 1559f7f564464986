import Glibc
public import JupyterProtocol
import LinuxKit
import Synchronization

/// What front ends keep with a server: JSON objects by the names of sections, a file each (Jupyter Server, "Config API").
public final class ConfigStore: Sendable {
    /// Bytes of a section.
    public static let largestSection = 1 << 20
    /// Sections that a server keeps.
    public static let sections = 256

    private let folder: String
    /// Held while a section is read and written again.
    private let lock = Mutex(())

    /// Keeps sections in a folder, which is made with the first one. Its parent must be trusted.
    public init(folder: String) {
        self.folder = folder
    }

    /// A section; empty when nobody has written it, or something else than a section.
    public func section(_ name: String) throws(ConfigError) -> [String: JSONValue] {
        let path = try path(name)
        return lock.withLock { _ in read(path) }
    }

    /// Writes a section in the place of what there was.
    public func set(_ name: String, to section: [String: JSONValue]) throws(ConfigError) {
        let path = try path(name)
        try lock.withLock { _ throws(ConfigError) in try write(section, to: path, name) }
    }

    /// Changes what is named in a section; `null` takes it away. Returns all of the section.
    public func update(_ name: String, with news: [String: JSONValue]) throws(ConfigError) -> [String: JSONValue] {
        let path = try path(name)
        return try lock.withLock { _ throws(ConfigError) in
            let section = ConfigUpdate.apply(news, to: read(path))
            try write(section, to: path, name)
            return section
        }
    }

    /// Whether a text can be the name of a section: letters, digits and `_`, as many as fit in the name of a file.
    public static func isName(_ name: String) -> Bool {
        (1...200).contains(name.utf8.count)
            && name.unicodeScalars.allSatisfy {
                $0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil
            }
    }

    private func path(_ name: String) throws(ConfigError) -> String {
        guard ConfigStore.isName(name) else { throw .badName(name) }
        return "\(folder)/\(name).json"
    }

    private func read(_ path: String) -> [String: JSONValue] {
        guard let bytes = SectionFile.read(path, limit: ConfigStore.largestSection),
            let members = (try? JSONValue(parsing: bytes))?.objectValue
        else { return [:] }
        // What has been set may hold nulls and empty objects, which nobody is shown.
        return ConfigUpdate.apply(members, to: [:])
    }

    private func write(_ section: [String: JSONValue], to path: String, _ name: String) throws(ConfigError) {
        let bytes = JSONValue.object(section).encoded()
        guard bytes.count <= ConfigStore.largestSection else { throw .tooLarge(name) }
        mkdir(folder, 0o700)
        if access(path, F_OK) != 0, Directory.entries(folder).count >= ConfigStore.sections { throw .tooMany }
        do { try SectionFile.write(bytes, to: path) } catch { throw .system(name, error.errno) }
    }
}
