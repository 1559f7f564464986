import Glibc

/// Takes the connections of a listening socket as they come. For the thread of its loop.
///
/// A process that has no descriptor left would be woken for the same connection for ever: it rests for a while, and
/// who connects waits.
public final class MessageListener {
    private static let rest = Duration.milliseconds(200)

    private let listener: OwnedDescriptor
    private let loop: EventLoop
    private let take: (consuming MessageSocket) -> Void
    private var watch: EventLoop.Watch?
    private var timer: EventLoop.Timer?

    /// Takes over a listening socket, which does not block.
    ///
    /// - Parameter take: called with each connection of this user's or of root's.
    public init(
        _ listener: consuming OwnedDescriptor, on loop: EventLoop, take: @escaping (consuming MessageSocket) -> Void
    ) throws(SystemError) {
        self.listener = listener
        self.loop = loop
        self.take = take
        try listen()
    }

    /// Takes no more.
    public func stop() {
        if let watch { loop.forget(watch) }
        if let timer { loop.cancel(timer) }
        (watch, timer) = (nil, nil)
    }

    private func listen() throws(SystemError) {
        watch = try loop.watch(listener.number) { [weak self] _ in self?.accept() }
    }

    private func accept() {
        do throws(SystemError) {
            while let socket = try MessageSocket.accept(from: listener) {
                // The folder is mode 0700; this is the second lock on the same door.
                guard let user = try? socket.peerUserID(), user == geteuid() || user == 0,
                    (try? socket.descriptor.setNonBlocking(true)) != nil
                else { continue }
                take(socket)
            }
        } catch {
            if let watch { loop.forget(watch) }
            watch = nil
            pause()
        }
    }

    private func pause() {
        timer = loop.after(MessageListener.rest) { [weak self] in
            do { try self?.listen() } catch { self?.pause() }
        }
    }
}
