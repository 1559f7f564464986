/// A descriptor in a list; lists cannot hold values without copies.
public final class OwnedDescriptorBox: Sendable {
    /// The descriptor.
    public let descriptor: OwnedDescriptor

    /// Takes it over.
    public init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }
}
