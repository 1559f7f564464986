import Testing

@testable import KernelRuntime

/// What a kernel has used.
@Suite struct ResourceReadingTests {
    @Test func whatIsGoneHasUsedNoLess() {
        let before = ResourceReading(
            cpu: 9, userPart: 4, systemPart: 5, memory: 7, memoryPeak: 8, bytesRead: 3, bytesWritten: 2)
        let gone = ResourceReading().notBelow(before)
        #expect(gone.cpu(since: before) == (0, 0))
        #expect(gone.bytesRead == 3 && gone.bytesWritten == 2)
        #expect(gone.memoryPeak == 8)
        #expect(gone.memory == 0, "it holds nothing any more")
        let more = ResourceReading(cpu: 12, userPart: 6, systemPart: 6, memoryPeak: 1, bytesRead: 4, bytesWritten: 2)
        #expect(more.notBelow(before).cpu == 12 && more.notBelow(before).bytesRead == 4)
        #expect(more.notBelow(before).memoryPeak == 1, "the peak begins anew with each cell")
    }
}
