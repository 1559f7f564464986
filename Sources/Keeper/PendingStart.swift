import KeeperWire
import LinuxKit

/// A kernel that a server has ordered and that has no sandbox yet.
final class PendingStart {
    /// How long it waits for a sandbox of its name to go. One that has not gone by then has a process that the kernel
    /// cannot end (state D), and may never go.
    static let patience = Duration.seconds(15)

    let order: KernelOrder
    /// By the number of ``KernelDescriptor``.
    let descriptors: [OwnedDescriptorBox]
    let client: KeeperClient
    /// Ends its patience; nil as long as it has not had to wait.
    var timer: EventLoop.Timer?

    init(_ order: KernelOrder, descriptors: [OwnedDescriptorBox], for client: KeeperClient) {
        self.order = order
        self.descriptors = descriptors
        self.client = client
    }
}
