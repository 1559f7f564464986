import Instrumentation
import JupyterProtocol

/// Finds a trace's place in a message's metadata, under the names that it has in HTTP.
struct MetadataExtractor: Extractor {
    func extract(key: String, from metadata: [UInt8]) -> String? { JSONCheck.text(at: key, in: metadata) }
}
