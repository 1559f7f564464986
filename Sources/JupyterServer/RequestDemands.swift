import HTTPTypes
import JupyterServerAPI

extension HTTPRequest {
    /// Why a request asks for what this server cannot do; nil when it does not.
    var refusal: APIError? {
        // The parser takes the last coding off, and what is below would be taken for the body (RFC 9112, section 6.1).
        let codings = words(of: .transferEncoding)
        guard codings.isEmpty || codings == ["chunked"] else {
            return APIError(501, "Of transfer codings there is only chunked.")
        }
        guard words(of: .expect).allSatisfy({ $0 == "100-continue" }) else {
            return APIError(417, "Of expectations there is only 100-continue.")
        }
        return nil
    }

    /// The words of a field that is a list.
    private func words(of name: HTTPField.Name) -> [String] {
        headerFields[values: name].flatMap { $0.split(separator: ",") }.map { word in
            word.lowercased().filter { $0 != " " && $0 != "\t" }
        }
    }
}
