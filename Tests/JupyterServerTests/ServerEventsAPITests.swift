import Testing

@testable import JupyterServer

/// Times in events of clients.
@Suite struct ServerEventsAPITests {
    @Test(arguments: ["2022-05-26T13:50:00+05:00Z", "2022-05-26T13:50:00-0500Z", "2022-05-26T13:50:00ZZ"])
    func times(_ text: String) { #expect(ServerEventsAPI.isTime(text)) }

    @Test(arguments: ["", "Z", "2022-05-26T13:50:00Z", "2022-05-26T13:50:00+05:00", "2022-05-26 13:50:00+05:00Z", "+-"])
    func others(_ text: String) { #expect(!ServerEventsAPI.isTime(text)) }
}
