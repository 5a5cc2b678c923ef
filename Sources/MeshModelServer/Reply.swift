// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import NIOCore
import NIOHTTP1

/// The response to one request: writes no faster than the reader reads, and breaks on purpose
/// when a fault says so.
///
/// Lives on the one event loop of the server. Ends exactly once, by `end`, a fault, or the
/// client's leaving.
final class Reply {
    /// The connection, while there is somebody to write to.
    private(set) var context: ChannelHandlerContext?
    /// What goes wrong with this response.
    var faults = ModelServerFaults()
    /// Gives what comes next of a body; asked whenever there is room.
    var source: (() -> StreamScript.Next)?
    /// Called once when the response breaks before its end.
    var onLoss: ((Loss) -> Void)?
    private unowned let world: ModelServerWorld
    private let keepsAlive: Bool
    private let onEnd: (Reply, End) -> Void
    private var events = 0
    private var isStalled = false
    /// When what was written last is out; known only where a cut has to wait for it.
    private var lastWrite: EventLoopFuture<Void>?
    private(set) var hasBegun = false

    /// Why a response broke.
    enum Loss { case clientLeft, fault }

    /// How a response ended.
    struct End {
        /// Whether the connection may carry another response.
        var keepsAlive: Bool
        /// When all that was written is out; closing earlier would throw it away.
        var flushed: EventLoopFuture<Void>?
    }

    init(
        _ context: ChannelHandlerContext, world: ModelServerWorld, keepsAlive: Bool,
        onEnd: @escaping (Reply, End) -> Void
    ) {
        self.context = context
        self.world = world
        self.keepsAlive = keepsAlive
        self.onEnd = onEnd
    }

    /// Whether the response has ended, one way or another.
    var isOver: Bool { context == nil }

    /// Answers with `body` in one piece.
    func send(_ status: Int, _ body: JSON, _ headers: [(String, String)] = []) {
        send(status, body.bytes, type: "application/json", headers)
    }

    /// Answers with an error.
    func send(_ error: OpenAIError) {
        let retry = error.retryAfter.map { [("retry-after", "\($0)")] } ?? []
        send(error.status, error.body, retry)
    }

    /// Answers with `bytes` in one piece, sliced so that a slow reader is waited for.
    func send(_ status: Int, _ bytes: [UInt8], type: String, _ headers: [(String, String)] = []) {
        guard !isOver, !strikes(after: 0) else { return }
        begin(status, [("content-type", type), ("content-length", "\(bytes.count)")] + headers)
        let isFaulty = (faults.cutAfter ?? faults.stallAfter ?? faults.resetAfter) != nil
        var sent = 0
        source = { [unowned self] in
            if isFaulty, sent >= bytes.count / 2 {
                events = .max
                if strikes(after: .max) { return .wait }
            }
            guard sent < bytes.count else { return .end }
            let bound = isFaulty && sent < bytes.count / 2 ? bytes.count / 2 : bytes.count
            let end = Swift.min(sent + Limits.bodySlice, bound)
            let slice = Array(bytes[sent..<end])
            sent = end
            return .event(slice)
        }
        pump()
    }

    /// Begins a stream of events, told by `source`.
    func beginStream(_ source: @escaping () -> StreamScript.Next) {
        guard !isOver, !strikes(after: 0) else { return }
        let headers = [
            ("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"),
        ]
        begin(200, headers)
        self.source = { [unowned self] in
            if strikes(after: events) { return .wait }
            let next = source()
            if case .event = next { events += 1 }
            return next
        }
        pump()
    }

    /// Writes until there is nothing to say or no room to say it.
    func pump() {
        guard let context, let source, !isStalled else { return }
        var wrote = false
        while context.channel.isWritable {
            let next = source()
            guard !isOver else { return }
            switch next {
            case .event(let bytes):
                let buffer = context.channel.allocator.buffer(bytes: bytes)
                let part = HTTPServerResponsePart.body(.byteBuffer(buffer))
                let promise =
                    faults.cutAfter == nil
                    ? nil : context.eventLoop.makePromise(of: Void.self)
                lastWrite = promise?.futureResult
                context.write(ConnectionHandler.wrapOutboundOut(part), promise: promise)
                wrote = true
            case .wait:
                if wrote { context.flush() }
                return
            case .end:
                end()
                return
            }
        }
        context.flush()
    }

    /// The client is gone: nobody will read more.
    func abandon() {
        guard !isOver else { return }
        lose(.clientLeft)
    }

    /// Closes the connection without an end to the response, by a reset when `isReset`.
    func sever(isReset: Bool) {
        guard let context else { return }
        world.counters.faults += 1
        context.flush()
        if isReset, let options = context.channel as? any SocketOptionProvider {
            // Closing with a linger time of zero sends RST, and throws away what is unsent. On
            // the channel's own loop the option is set before the call returns.
            _ = options.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        lose(.fault, flushed: isReset ? nil : lastWrite)
    }

    private func begin(_ status: Int, _ headers: [(String, String)]) {
        guard let context else { return }
        hasBegun = true
        var fields = HTTPHeaders(headers)
        fields.add(name: "x-sim-server", value: world.name)
        if !keepsAlive { fields.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: .init(statusCode: status), headers: fields)
        context.write(ConnectionHandler.wrapOutboundOut(.head(head)), promise: nil)
    }

    private func end() {
        guard let context else { return }
        self.context = nil
        source = nil
        onLoss = nil
        let promise = context.eventLoop.makePromise(of: Void.self)
        // The end is announced first: writing it lets the connection's next request begin.
        onEnd(self, End(keepsAlive: keepsAlive, flushed: promise.futureResult))
        context.writeAndFlush(ConnectionHandler.wrapOutboundOut(.end(nil)), promise: promise)
    }

    private func lose(_ loss: Loss, flushed: EventLoopFuture<Void>? = nil) {
        context = nil
        source = nil
        let onLoss = onLoss
        self.onLoss = nil
        onLoss?(loss)
        onEnd(self, End(keepsAlive: false, flushed: flushed))
    }

    /// Whether a fault strikes now that `count` events were sent.
    private func strikes(after count: Int) -> Bool {
        if isStalled { return true }
        if let limit = faults.resetAfter, count >= limit {
            sever(isReset: true)
            return true
        }
        if let limit = faults.cutAfter, count >= limit {
            sever(isReset: false)
            return true
        }
        if let limit = faults.stallAfter, count >= limit {
            world.counters.faults += 1
            isStalled = true
            context?.flush()
            return true
        }
        return false
    }
}
