import JupyterProtocol

/// Puts a message's place in the journal into its metadata, the rest of which stays as it is.
enum MetadataMark {
    private static let name = "husk"

    /// `metadata` with `husk.seq`. It is the last of its name, and of equal names the last counts: nobody inside a
    /// sandbox can say another.
    static func add(_ sequence: UInt64, to metadata: [UInt8]) throws(WireMessageError) -> [UInt8] {
        let found: [String: ArraySlice<UInt8>]?
        do { found = try JSONMembers.values(of: [name], in: metadata) } catch {
            throw .notJSON(part: "metadata", "\(error)")
        }
        guard let found else { throw .notAnObject(part: "metadata") }
        if let inner = found[name], inner.first == UInt8(ascii: "{") {
            return insert("\"seq\":\(sequence)", into: metadata, object: inner.startIndex..<inner.endIndex)
        }
        return insert("\"\(name)\":{\"seq\":\(sequence)}", into: metadata, object: 0..<metadata.count)
    }

    private static func insert(_ member: String, into json: [UInt8], object: Range<Int>) -> [UInt8] {
        guard let brace = json[object].lastIndex(of: UInt8(ascii: "}")) else { return json }
        let isEmpty = !json[object.lowerBound..<brace].contains(UInt8(ascii: ":"))
        var marked = Array(json[..<brace])
        if !isEmpty { marked.append(UInt8(ascii: ",")) }
        marked.append(contentsOf: member.utf8)
        marked.append(contentsOf: json[brace...])
        return marked
    }
}
