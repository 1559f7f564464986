import Glibc
import InterpreterChannel
import KeeperWire
import LinuxKit

/// The descriptors behind one kernel, made by its first server or handed over by the keeper.
final class KernelDescriptors {
    private var boxes: [KernelDescriptor: OwnedDescriptorBox] = [:]

    /// Makes a new channel and pipes.
    init() throws(SystemError) {
        boxes[.memory] = OwnedDescriptorBox(try ChannelMemory.make())
        (boxes[.eventsBell], boxes[.eventsButton]) = try Bell.make()
        (boxes[.requestsBell], boxes[.requestsButton]) = try Bell.make()
        (boxes[.spaceBell], boxes[.spaceButton]) = try Bell.make()
        (boxes[.outputRead], boxes[.outputWrite]) = try KernelDescriptors.pipe()
        (boxes[.errorRead], boxes[.errorWrite]) = try KernelDescriptors.pipe()
    }

    /// Takes over what the keeper hands out.
    init?(_ list: inout DescriptorList) {
        for (index, kind) in KernelDescriptor.adopted.enumerated() {
            guard let descriptor = list.take(index) else { return nil }
            boxes[kind] = OwnedDescriptorBox(descriptor)
        }
    }

    /// The numbers in the order of `KernelDescriptor`.
    var numbers: [Int32] { KernelDescriptor.allCases.map { boxes[$0]?.descriptor.number ?? -1 } }

    /// Lets go of what the interpreter has now.
    func releaseWriteEnds() {
        for end in KernelDescriptor.released { boxes[end] = nil }
    }

    /// The server's end of the channel.
    func channel(lastFrame: UInt64, isResumed: Bool = false) throws(ChannelViolation) -> ServerChannel {
        guard let memory = boxes[.memory], let events = copy(.eventsBell), let requests = copy(.requestsButton),
            let space = copy(.spaceButton)
        else { throw .layout("there are no descriptors left") }
        return try ServerChannel(
            memory: memory.descriptor, events: Bell(adopting: events), requests: BellButton(adopting: requests),
            space: BellButton(adopting: space), lastFrame: lastFrame, isResumed: isResumed)
    }

    /// What stands in the pipes of an interpreter that has ended.
    func leftovers() -> [(name: String, bytes: [UInt8])] {
        [("stdout", drain(.outputRead)), ("stderr", drain(.errorRead))].filter { !$0.bytes.isEmpty }
    }

    private func copy(_ kind: KernelDescriptor) -> OwnedDescriptor? { try? boxes[kind]?.descriptor.duplicate() }

    private func drain(_ kind: KernelDescriptor) -> [UInt8] {
        guard let shared = boxes[kind]?.descriptor.number else { return [] }
        // A description of its own: whoever lives on in the sandbox has the other one, and may have made it block.
        let raw = open("/proc/self/fd/\(shared)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard raw >= 0 else { return [] }
        let pipe = OwnedDescriptor(adopting: raw)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        // A child that lives on may write for ever; a pipe holds at most 1 MiB.
        while bytes.count < 1 << 20 {
            let count = read(pipe.number, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
        }
        return bytes
    }

    private static func pipe() throws(SystemError) -> (read: OwnedDescriptorBox, write: OwnedDescriptorBox) {
        let (read, write) = try Pipe.make()
        try read.descriptor.setNonBlocking(true)
        // Who opens /dev/stdout inside opens the pipe anew, as a user that is not the one who made it.
        try SystemError.checkErrno("fchmod", fchmod(write.descriptor.number, 0o666))
        return (read, write)
    }
}
