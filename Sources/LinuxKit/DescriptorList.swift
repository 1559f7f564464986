import Glibc

/// Descriptors that came together; those that nobody takes are closed.
public struct DescriptorList: ~Copyable, Sendable {
    private var numbers: [Int32]

    /// Takes over descriptors.
    public init(adopting numbers: [Int32] = []) {
        self.numbers = numbers
    }

    deinit {
        for number in numbers where number >= 0 { close(number) }
    }

    /// How many came.
    public var count: Int { numbers.count }

    /// Gives up ownership of all that have not been taken; those read -1.
    public mutating func release() -> [Int32] {
        defer { numbers = [] }
        return numbers
    }

    /// Takes the descriptor at `index`, once. Nil when there is none or it has been taken.
    public mutating func take(_ index: Int) -> OwnedDescriptor? {
        guard numbers.indices.contains(index), numbers[index] >= 0 else { return nil }
        defer { numbers[index] = -1 }
        return OwnedDescriptor(adopting: numbers[index])
    }
}
