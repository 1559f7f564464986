import KeeperWire
import LinuxKit

/// The start of a kernel by the keeper, repeated when the process that was to fork the interpreter has ended meanwhile.
struct KernelStart {
    /// What the keeper knows of the kernel.
    let facts: KernelFacts
    /// The server's ends of the channel and the pipes.
    let descriptors: KernelDescriptors

    /// How many hosts may end. One that ends each time has a reason of its own, which the user should see.
    private static let hosts = 3

    /// Starts a kernel. Blocks until its interpreter runs.
    init(_ order: KernelOrder, _ keeper: KeeperConnection) throws {
        var lost = 0
        while true {
            // Each time anew: an interpreter of the last attempt may have had the others.
            let descriptors = try KernelDescriptors()
            switch KernelStart.attempt(order, descriptors, keeper) {
            case .success(let facts):
                descriptors.releaseWriteEnds()
                self.facts = facts
                self.descriptors = descriptors
                return
            case .failure(let error):
                guard error.code == RefusalCode.hostEnded, lost < KernelStart.hosts else { throw error }
                lost += 1
            }
        }
    }

    private static func attempt(
        _ order: KernelOrder, _ descriptors: KernelDescriptors, _ keeper: KeeperConnection
    ) -> Result<KernelFacts, KernelError> {
        do throws(KernelError) {
            return .success(try keeper.start(order, descriptors: descriptors.numbers).facts)
        } catch {
            return .failure(error)
        }
    }
}
