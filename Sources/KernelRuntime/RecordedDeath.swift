public import KeeperWire
import LinuxKit

extension KernelServer.Place {
    /// What the keeper has written down of the kernel's end, which no server had then; nil for nothing.
    public var recordedDeath: Death? {
        let path = "\(state)/deaths/\(kernel)"
        guard let bytes = try? WholeFile.read(path), case .ended(kernel, let death)? = try? KeeperReply(decoding: bytes)
        else { return nil }
        return death
    }
}
