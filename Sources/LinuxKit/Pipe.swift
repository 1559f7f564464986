import CLinux

/// A pipe (pipe(7)).
public enum Pipe {
    /// Makes a pipe. Its ends are close-on-exec, and wait until they are told not to.
    public static func make() throws(SystemError) -> (read: OwnedDescriptorBox, write: OwnedDescriptorBox) {
        var ends: [Int32] = [-1, -1]
        try SystemError.check("pipe", clinux_pipe(&ends))
        return (
            OwnedDescriptorBox(OwnedDescriptor(adopting: ends[0])),
            OwnedDescriptorBox(OwnedDescriptor(adopting: ends[1]))
        )
    }
}
