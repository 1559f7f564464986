import AsyncHTTPClient
import Command
import JupyterProtocol
import JupyterServerAPI
import NIOCore
import NIOHTTP1
import NIOSSL

/// A client of the server that runs on a state directory, for commands.
struct ServerClient: Sendable {
    /// The largest answer that is read whole.
    private static let largest = 1 << 20

    private let notice: ServerNotice
    private let client: HTTPClient

    /// Finds the server and lets `body` ask it.
    static func using<Value: Sendable>(
        _ state: String?, _ body: @Sendable (ServerClient) async throws -> Value
    ) async throws -> Value {
        let folder = StateDirectories.resolve(state)
        guard let notice = ServerNotice.read(in: folder) else {
            throw ServerClientError("no server runs on \(folder); start one by husk serve, or name another by --state")
        }
        var configuration = HTTPClient.Configuration()
        // A server that is gone does not come while somebody waits.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let certificate = notice.certificate {
            // The very file that it shows; by which name it is reached on its own machine says nothing.
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .file(certificate)
            tls.certificateVerification = .noHostnameVerification
            configuration.tlsConfiguration = tls
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            let value = try await body(ServerClient(notice: notice, client: client))
            try await client.shutdown()
            return value
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    /// Asks for something of a kernel, by its id or by the name that it has in the state directory. Throws what the
    /// server has said when it refuses.
    ///
    /// - Parameter path: what follows the kernel's own path.
    func ask(_ method: HTTPMethod, kernel: String, _ path: String) async throws -> HTTPClientResponse.Body {
        let id = JupyterID.ofKernel(named: kernel) ?? kernel
        let unknown = ServerClientError(
            "there is no kernel \(kernel) in the server at \(notice.url); husk ps shows the ids of those that are, as "
                + "GET /api/kernels does")
        guard JupyterID.isValid(id) else { throw unknown }
        do {
            return try await ask(method, APIPlace().kernel(id) + path)
        } catch let error as ServerClientError where error.status == 404 { throw unknown }
    }

    /// Asks for something. Throws what the server has said when it refuses.
    private func ask(_ method: HTTPMethod, _ path: String) async throws -> HTTPClientResponse.Body {
        var request = HTTPClientRequest(url: notice.url + path)
        request.method = method
        if !notice.token.isEmpty { request.headers.add(name: "Authorization", value: "token \(notice.token)") }
        let answer: HTTPClientResponse
        do {
            answer = try await client.execute(request, deadline: .distantFuture)
        } catch {
            throw ServerClientError("the server at \(notice.url) does not answer: \(error)")
        }
        guard (200..<300).contains(answer.status.code) else {
            let text = try await ServerClient.bytes(answer.body)
            let message = (try? JSONValue(parsing: text))?["message"]?.stringValue
            throw ServerClientError(
                message ?? "the server at \(notice.url) says \(answer.status)", status: Int(answer.status.code))
        }
        return answer.body
    }

    /// What is to be said when an answer breaks off.
    func lost(_ error: any Error) -> ServerClientError {
        ServerClientError(
            "the connection to the server at \(notice.url) is lost: it has ended, or does not answer (\(error)); its "
                + "kernels live on, and the next server on their state directory has what they said")
    }

    /// An answer's bytes.
    static func bytes(_ body: HTTPClientResponse.Body) async throws -> [UInt8] {
        Array(buffer: try await body.collect(upTo: largest))
    }
}

/// Why a command that needs the server cannot do its work.
struct ServerClientError: Error, CustomStringConvertible {
    /// The sentence for the user.
    let description: String
    /// The status of the server's answer; nil when there was none.
    let status: Int?

    init(_ description: String, status: Int? = nil) {
        self.description = description
        self.status = status
    }
}
