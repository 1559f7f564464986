import CLinux
import Glibc
import InterpreterChannel
import KeeperWire
import LinuxKit

/// The descriptors behind one kernel, made by its first server or handed over by the keeper.
final class KernelDescriptors {
    let memory: OwnedDescriptor
    let events: OwnedDescriptor
    let requests: OwnedDescriptor
    let space: OwnedDescriptor
    let output: OwnedDescriptor
    let error: OwnedDescriptor
    /// The write ends, only with the first server and only until the interpreter has them.
    private var outputWrite: OwnedDescriptor?
    private var errorWrite: OwnedDescriptor?

    /// Makes a new channel and pipes.
    init() throws(SystemError) {
        memory = try ChannelMemory.make()
        events = try EventCounter().descriptor.duplicate()
        requests = try EventCounter().descriptor.duplicate()
        space = try EventCounter().descriptor.duplicate()
        var ends: [Int32] = [-1, -1]
        try SystemError.check("pipe", clinux_pipe(&ends))
        output = OwnedDescriptor(adopting: ends[0])
        outputWrite = OwnedDescriptor(adopting: ends[1])
        try SystemError.check("pipe", clinux_pipe(&ends))
        error = OwnedDescriptor(adopting: ends[0])
        errorWrite = OwnedDescriptor(adopting: ends[1])
        try output.setNonBlocking(true)
        try error.setNonBlocking(true)
    }

    /// Takes over what the keeper hands out.
    init?(_ list: inout DescriptorList) {
        guard let memory = list.take(0), let events = list.take(1), let requests = list.take(2),
            let space = list.take(3), let output = list.take(4), let error = list.take(5)
        else { return nil }
        self.memory = memory
        self.events = events
        self.requests = requests
        self.space = space
        self.output = output
        self.error = error
    }

    /// The numbers in the order of `KernelDescriptor`.
    var numbers: [Int32] {
        [
            memory.number, events.number, requests.number, space.number, output.number,
            outputWrite?.number ?? -1, error.number, errorWrite?.number ?? -1,
        ]
    }

    /// Lets go of the write ends, so that the pipes end with their last writer.
    func releaseWriteEnds() {
        outputWrite = nil
        errorWrite = nil
    }

    /// The server's end of the channel.
    func channel(lastFrame: UInt64) throws(ChannelViolation) -> ServerChannel {
        guard let events = try? events.duplicate(), let requests = try? requests.duplicate(),
            let space = try? space.duplicate()
        else { throw .layout("there are no descriptors left") }
        return try ServerChannel(
            memory: memory, events: EventCounter(adopting: events), requests: EventCounter(adopting: requests),
            space: EventCounter(adopting: space), lastFrame: lastFrame)
    }

    /// What stands in the pipes of an interpreter that has ended.
    func leftovers() -> [(name: String, bytes: [UInt8])] {
        [("stdout", KernelDescriptors.drain(output.number)), ("stderr", KernelDescriptors.drain(error.number))]
            .filter { !$0.bytes.isEmpty }
    }

    private static func drain(_ descriptor: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // A child that lives on may write for ever; a pipe holds at most 1 MiB.
        while bytes.count < 1 << 20 {
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }
}
