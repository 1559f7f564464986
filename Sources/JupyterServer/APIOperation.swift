import JupyterProtocol
import JupyterServerAPI

/// One method of one path, for the description of the API.
struct APIOperation: Sendable {
    let method: String
    /// The path; a word in braces stands for anything.
    let path: String
    let summary: String
    /// Parameters of the query, and what they mean.
    var query: [String: String] = [:]
    /// What the body may be: the name of a schema.
    var takes: String?
    /// What the body of the answer is: the name of a schema, in brackets for a list, or a media type.
    var gives: String?
    /// The status when it is done.
    var status = 200
    /// The statuses of refusals, beside those that any request may have.
    var refusals: [Int] = []
    var isPublic = false

    /// The names in braces.
    var parameters: [String] {
        path.split(separator: "/").filter { $0.first == "{" }.map { String($0.dropFirst().prefix { $0 != "}" }) }
    }

    var json: JSONValue {
        var answers: [String: JSONValue] = [
            "\(status)": answer(gives.map { ["content": content($0)] } ?? [:], "Done.")
        ]
        for refusal in refusals + (isPublic ? [] : [403]) {
            answers["\(refusal)"] = answer(["content": content("Error")], APIError.phrase(refusal))
        }
        var json: JSONValue = [
            "summary": .string(summary), "operationId": .string(name), "responses": .object(answers),
        ]
        let parameters: [JSONValue] =
            parameters.map { parameter($0, in: "path", "", isRequired: true) }
            + query.sorted { $0.key < $1.key }.map { parameter($0.key, in: "query", $0.value, isRequired: false) }
        if !parameters.isEmpty { json["parameters"] = .array(parameters) }
        if let takes { json["requestBody"] = ["content": content(takes)] }
        if isPublic { json["security"] = [] }
        return json
    }

    /// A name that no other operation has.
    private var name: String {
        let words = path.split { !$0.isLetter && !$0.isNumber }.map { $0.prefix(1).uppercased() + $0.dropFirst() }
        return method.lowercased() + words.joined()
    }

    private func parameter(_ name: String, in place: String, _ text: String, isRequired: Bool) -> JSONValue {
        var json: JSONValue = [
            "name": .string(name), "in": .string(place), "required": .bool(isRequired), "schema": ["type": "string"],
        ]
        if !text.isEmpty { json["description"] = .string(text) }
        return json
    }

    private func answer(_ members: JSONValue, _ text: String) -> JSONValue {
        var answer = members
        answer["description"] = .string(text)
        return answer
    }

    private func content(_ name: String) -> JSONValue {
        if name.contains("/") { return [name: ["schema": ["type": "string"]]].json }
        let isList = name.hasPrefix("[")
        let reference: JSONValue = [
            "$ref": .string("#/components/schemas/\(isList ? String(name.dropFirst().dropLast()) : name)")
        ]
        return ["application/json": ["schema": isList ? ["type": "array", "items": reference] : reference]]
    }
}

extension [String: JSONValue] {
    fileprivate var json: JSONValue { .object(self) }
}
