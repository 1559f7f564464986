public import GRDB

/// What a database of a server's holds.
public struct DatabaseSchema: Sendable {
    /// The tables that it has once it is migrated, the oldest first.
    public let tables: [String]
    /// The steps to today's schema.
    public private(set) var migrator = DatabaseMigrator()
    /// How many steps there are.
    private var count: Int64 = 0

    /// A schema without steps.
    public init(tables: [String]) {
        self.tables = tables
    }

    /// Adds a step. The first ones were counted in `user_version` once, before there was a table of them: a database of
    /// that time has been through as many.
    public mutating func add(_ name: String, _ step: @escaping @Sendable (Database) throws -> Void) {
        count += 1
        let number = count
        migrator.registerMigration(name) { database in
            if try DatabaseSchema.version(of: database) < number { try step(database) }
        }
    }

    /// Whether a database is new, or one of this schema, of whatever version.
    func isOwn(_ database: Database) throws -> Bool {
        let names = try String.fetchSet(database, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'")
        if names.isEmpty { return true }
        let isKnown = try DatabaseSchema.version(of: database) > 0 || !migrator.appliedIdentifiers(database).isEmpty
        return isKnown && tables.first.map(names.contains) ?? true
    }

    /// Whether every table is there.
    func isWhole(_ database: Database) throws -> Bool { try tables.allSatisfy { try database.tableExists($0) } }

    /// Whether a later version has been at a database.
    func isSuperseded(in database: Database) throws -> Bool {
        try migrator.hasBeenSuperseded(database) || DatabaseSchema.version(of: database) > count
    }

    private static func version(of database: Database) throws -> Int64 {
        try Int64.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    }
}
