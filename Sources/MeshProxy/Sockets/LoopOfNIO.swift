// SPDX-License-Identifier: Apache-2.0

import Dispatch
import MeshBasics
import NIOCore

/// A `SocketLoop` as the handlers of SwiftNIO know an event loop: they may schedule, make promises
/// and be called back from other threads. Its sockets are not NIO's.
///
/// Sendable because event loops must be: it holds nothing but the loop.
final class LoopOfNIO: EventLoop, @unchecked Sendable {
    /// The loop that runs it and that owns it.
    unowned(unsafe) let sockets: SocketLoop

    init(_ sockets: SocketLoop) { self.sockets = sockets }

    var inEventLoop: Bool { sockets.isCurrent }

    func execute(_ task: @escaping @Sendable () -> Void) {
        if inEventLoop { sockets.later(task) } else { sockets.execute(task) }
    }

    func scheduleTask<Result>(
        deadline: NIODeadline, _ task: @escaping @Sendable () throws -> Result
    ) -> Scheduled<Result> {
        let promise = makePromise(of: Result.self)
        let pending = Pending()
        let add: @Sendable () -> Void = { [sockets] in
            guard !pending.isCancelled else { return }
            let instant = Instant(nanoseconds: deadline.uptimeNanoseconds)
            pending.timer = sockets.schedule(at: instant) {
                do {
                    promise.assumeIsolated().succeed(try task())
                } catch {
                    promise.fail(error)
                }
            }
        }
        if inEventLoop { add() } else { sockets.execute(add) }
        return Scheduled(promise: promise) { [self, sockets] in
            let cancel: @Sendable () -> Void = {
                pending.isCancelled = true
                if let timer = pending.timer { sockets.cancel(timer) }
            }
            if self.inEventLoop { cancel() } else { sockets.execute(cancel) }
        }
    }

    func scheduleTask<Result>(
        in delay: TimeAmount, _ task: @escaping @Sendable () throws -> Result
    ) -> Scheduled<Result> {
        scheduleTask(deadline: .now() + delay, task)
    }

    func preconditionInEventLoop(file: StaticString, line: UInt) {
        precondition(
            inEventLoop, "called on another thread than the loop's", file: file, line: line)
    }

    func preconditionNotInEventLoop(file: StaticString, line: UInt) {
        precondition(!inEventLoop, "called on the loop's own thread", file: file, line: line)
    }

    func shutdownGracefully(
        queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void
    ) {
        // The proxy ends its loops; handlers have no say in it.
        queue.async { callback(EventLoopError.unsupportedOperation) }
    }

    /// What became of a scheduled task; touched on the loop's thread only.
    private final class Pending: @unchecked Sendable {
        var timer: Timer?
        var isCancelled = false
    }
}
