// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire
import NIOCore

/// One client connection: the only handler of its channel.
///
/// It reads requests one after another, asks the `Exchange` what to do, and does it. The answer
/// is relayed in ClientHandler+Relay, attempts at endpoints are in ClientHandler+Attempt.
///
/// ```
///  head ──> collecting ──> waiting ──> (answer relayed) ──> head …
///     └──> streaming ───────┘                         └──> lingering ──> closed
/// ```
final class ClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What is read from the caller now.
    enum Reading: UInt8 {
        /// The head of the next request.
        case head
        /// The body of the request, kept for a decision.
        case collecting
        /// The body of the request, passed on as it comes.
        case streaming
        /// Nothing: the request is whole and its answer is not.
        case waiting
        /// What the caller still sends after its last answer, thrown away.
        case lingering
    }

    unowned(unsafe) let loop: Loop
    /// The number of the socket it was accepted on.
    let socket: Int
    var context: ChannelHandlerContext?
    var reading = Reading.head
    var head = RequestHead()
    var exchange = Exchange()

    /// Bytes that were read and not yet used.
    var inbound = ByteBuffer()
    /// The bytes of the present request's head.
    var headBytes = ByteBuffer()
    /// The collected payload of the present request.
    var body: ByteBuffer?
    var reader = BodyReader(.none, limits: HeadLimits())

    var upstream: UpstreamHandler?
    /// Rises with every attempt, so that a connection that comes too late is recognised.
    var attempt: UInt32 = 0
    var answerFraming = AnswerFraming.none
    /// Whether the endpoint's answer comes in chunks.
    var answerUpstreamIsChunked = false
    /// Whether bytes were written that are not flushed.
    var needsFlush = false

    /// When `timerFired` must be called.
    var deadline = Instant.distantFuture
    /// When the wheel will look at the deadline.
    var armedAt = Instant.distantFuture
    var isClosed = false
    private(set) var peer: [UInt8] = []

    private var isAdvancing = false
    private var isPaused = false
    private var isIdle = false
    private var closesAfterAnswer = false

    init(loop: Loop, socket: Int) {
        self.loop = loop
        self.socket = socket
    }

    // MARK: Connection

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { opened(context) }
    }

    func channelActive(context: ChannelHandlerContext) { opened(context) }

    private func opened(_ context: ChannelHandlerContext) {
        guard peer.isEmpty, !isClosed else { return }
        peer = Array((context.remoteAddress?.ipAddress ?? "unknown").utf8)
        exchange.peer = peer
        loop.clients[ObjectIdentifier(self)] = self
        loop.shard.metrics.mesh.downstreamOpened += 1
        let now = LiveWorld.now()
        if !loop.connections.take() {
            perform(
                exchange.refuseUnread(
                    Refusal(.tooManyConnections), shard: &loop.shard, at: now), at: now)
            return
        }
        setIdle(true)
        deadline = now + loop.shard.snapshot.limits.headTimeout
        loop.wheel.arm(self, at: now)
    }

    func channelInactive(context: ChannelHandlerContext) {
        gone()
        isClosed = true
        if !peer.isEmpty { loop.connections.giveBack() }
        setIdle(false)
        inbound = ByteBuffer()
        headBytes = ByteBuffer()
        body = nil
        loop.clientClosed(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        gone()
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            gone()
            context.close(promise: nil)
        }
    }

    /// The caller went away: whatever runs for it is given up.
    private func gone() {
        guard reading != .head, reading != .lingering else { return }
        let now = LiveWorld.now()
        perform(exchange.clientGone(shard: &loop.shard, at: now), at: now)
    }

    /// Ends what runs with an error that the caller can read; called when the process stops and
    /// can wait no longer.
    func abort() {
        if reading == .head || reading == .lingering {
            context?.close(promise: nil)
            return
        }
        let now = LiveWorld.now()
        perform(exchange.cutOff(shard: &loop.shard, at: now), at: now)
        flushIfNeeded()
    }

    /// The process is stopping.
    func drain() {
        exchange.keepsAlive = false
        if reading == .head, inbound.readableBytes == 0 { context?.close(promise: nil) }
    }

    /// The set of listened ports changed; a connection of a closed port ends when it is idle.
    func portsChanged() {
        if port < 0 { drain() }
    }

    /// Index of its port in the present snapshot, -1 when the port is gone.
    var port: Int { socket < loop.portIndex.count ? loop.portIndex[socket] : -1 }

    func setIdle(_ idle: Bool) {
        guard idle != isIdle else { return }
        isIdle = idle
        loop.idleClients += idle ? 1 : -1
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard reading != .lingering else { return }
        var bytes = unwrapInboundIn(data)
        if inbound.readableBytes == 0 { inbound = bytes } else { inbound.writeBuffer(&bytes) }
        advance()
    }

    /// Uses what was read as far as it goes.
    func advance() {
        // A finished answer asks for the next request from within this loop.
        if isAdvancing { return }
        isAdvancing = true
        defer { isAdvancing = false }
        var goesOn = true
        while goesOn, inbound.readableBytes > 0 || reading == .collecting, !isClosed {
            switch reading {
            case .head:
                // Whoever sends requests without reading the answers waits.
                flushIfNeeded()
                if context?.channel.isWritable == false {
                    pauseReads()
                    goesOn = false
                } else {
                    goesOn = readHead()
                }
            case .collecting: goesOn = collect()
            case .streaming: goesOn = streamBody()
            case .waiting:
                if inbound.readableBytes > 64 * 1024 { pauseReads() }
                goesOn = false
            case .lingering:
                inbound.clear()
                goesOn = false
            }
        }
        flushIfNeeded()
    }

    private func readHead() -> Bool {
        let now = LiveWorld.now()
        if isIdle {
            setIdle(false)
            deadline = now + loop.shard.snapshot.limits.headTimeout
        }
        do {
            let bytes = inbound
            guard try head.parse(bytes.readableBytesSpan, limits: loop.headLimits) else {
                loop.wheel.arm(self, at: now)
                return false
            }
        } catch {
            perform(
                exchange.refuseMalformed(error, shard: &loop.shard, at: now), at: now)
            return false
        }
        headBytes = inbound.readSlice(length: head.length) ?? ByteBuffer()
        reading = .waiting
        reader = BodyReader(head.framing, limits: loop.headLimits)
        let bytes = headBytes
        perform(
            exchange.begin(
                head, bytes.readableBytesSpan, port: port, shard: &loop.shard, at: now),
            at: now)
        return true
    }

    /// Collects the body for a decision; answers whether there may be more to do.
    private func collect() -> Bool {
        let now = LiveWorld.now()
        let limit = exchange.snapshot.limits.bufferedBodyBytesMax
        switch takeBody(limit: limit) {
        case .whole:
            reading = .waiting
            let bytes = headBytes
            let payload = body ?? ByteBuffer()
            perform(
                exchange.bodyCollected(
                    payload.readableBytesSpan, head, bytes.readableBytesSpan,
                    shard: &loop.shard, at: now), at: now)
            return true
        case .partial:
            continueIfExpected()
            exchange.bodyProgressed(at: now)
            rearm(at: now)
            return false
        case .tooLarge:
            perform(
                exchange.bodyFailed(Refusal(.bodyTooLarge), shard: &loop.shard, at: now),
                at: now)
            return false
        case .malformed(let violation):
            perform(
                exchange.bodyFailed(Refusal(violation), shard: &loop.shard, at: now), at: now)
            return false
        }
    }

    enum Taken {
        case whole
        case partial
        case tooLarge
        case malformed(Violation)
    }

    /// Moves payload from `inbound` to `body`, without a copy when the whole body is there.
    func takeBody(limit: Int) -> Taken {
        if body == nil, case .length(let count) = head.framing {
            if count > UInt64(limit) { return .tooLarge }
            if let whole = inbound.readSlice(length: Int(count)) {
                body = whole
                reader = BodyReader(.none, limits: loop.headLimits)
                return .whole
            }
            body = ByteBufferAllocator().buffer(capacity: Int(count))
        }
        var offset = 0
        var result = Taken.partial
        var collected = body ?? ByteBuffer()
        body = nil
        let bytes = inbound
        let span = bytes.readableBytesSpan
        do throws(Violation) {
            pieces: while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range):
                    if collected.readableBytes + range.count > limit {
                        result = .tooLarge
                        break pieces
                    }
                    span.extracting(range.range).withUnsafeBytes { _ = collected.writeBytes($0) }
                case .end:
                    result = .whole
                    break pieces
                case .needMore: break pieces
                }
            }
        } catch {
            result = .malformed(error)
        }
        inbound.moveReaderIndex(forwardBy: offset)
        body = collected
        return result
    }

    /// Tells a caller that waits for it to send the body.
    func continueIfExpected() {
        guard head.expectsContinue, !hasContinued else { return }
        hasContinued = true
        write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
        context?.flush()
    }

    private var hasContinued = false

    // MARK: Steps

    /// Performs what the exchange decided, in the order of `Step`'s fields.
    func perform(_ step: Step, at now: Instant) {
        if step.abandonsUpstream { abandonUpstream() }
        if step.collectsBody {
            reading = .collecting
            body = nil
            if exchange.isRequestComplete { body = ByteBuffer() }
        }
        if let pick = step.dispatch {
            for backend in step.mirrors { mirror(to: backend) }
            dispatch(pick, after: step.delay, fresh: step.needsFreshConnection, at: now)
        }
        if step.writes, !step.relaysBody { writeOutput() }
        if step.writesBody { writePayloadOutput() }
        if step.endsAnswer { writeAnswerEnd() }
        if step.isDone { logRecord(at: now) }
        if step.closesClient {
            closeAfterFlush(at: now)
        } else if step.isDone {
            readyForNext(at: now)
        } else if exchange.phase != .idle, exchange.phase != .done {
            rearm(at: now)
        }
    }

    /// Lets the wheel know the exchange's deadline.
    func rearm(at now: Instant) {
        deadline = exchange.deadline
        loop.wheel.arm(self, at: now)
    }

    private func readyForNext(at now: Instant) {
        headBytes = ByteBuffer()
        body = nil
        hasContinued = false
        attempt &+= 1
        reading = .head
        if loop.shard.isDraining || port < 0 {
            closeAfterFlush(at: now)
            return
        }
        setIdle(inbound.readableBytes == 0)
        let limits = loop.shard.snapshot.limits
        deadline = now + (inbound.readableBytes == 0 ? limits.idleTimeout : limits.headTimeout)
        loop.wheel.arm(self, at: now)
        resumeReads()
        if inbound.readableBytes > 0 { advance() }
    }

    /// Closes once everything written has left, so that the caller can still read it: then sends
    /// the end of our side, and throws away what comes until the caller closes too.
    private func closeAfterFlush(at now: Instant) {
        flushIfNeeded()
        attempt &+= 1
        guard let context, !isClosed, reading != .lingering else { return }
        let flags = exchange.record.flags
        let isRead = exchange.isRequestComplete && inbound.readableBytes == 0
        reading = .lingering
        inbound = ByteBuffer()
        headBytes = ByteBuffer()
        body = nil
        resumeReads()
        if flags.contains(.clientAborted) {
            context.close(promise: nil)
            return
        }
        // A caller that takes nothing any more is given up as an idle one is.
        deadline = now + exchange.snapshot.limits.idleTimeout
        loop.wheel.arm(self, at: now)
        let isCut = flags.contains(.truncated)
        // Where only the connection's end marks that of the body, a cut must not look like it.
        let isReset = isCut && answerFraming == .untilClose
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in
            lingerAfterWrites(isAbort: isCut || isRead, isReset: isReset)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
    }

    private func lingerAfterWrites(isAbort: Bool, isReset: Bool) {
        guard let context, !isClosed else { return }
        if isReset {
            // RFC 9293 section 3.6: what is not delivered by then is lost, but so is the illusion.
            let channel = context.channel as? any SocketOptionProvider
            _ = channel?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        if isAbort || isReset {
            context.close(promise: nil)
            return
        }
        let now = LiveWorld.now()
        deadline = now + .seconds(2)
        loop.wheel.arm(self, at: now)
        context.close(mode: .output, promise: nil)
    }

    /// The deadline passed.
    func timerFired(at now: Instant) {
        switch reading {
        case .lingering:
            deadline = .distantFuture
            context?.close(promise: nil)
        case .head:
            deadline = .distantFuture
            if isIdle {
                context?.close(promise: nil)
            } else {
                perform(
                    exchange.refuseUnread(
                        Refusal(.requestTimeout), shard: &loop.shard, at: now), at: now)
            }
        case .collecting, .streaming, .waiting:
            perform(exchange.timerFired(shard: &loop.shard, at: now), at: now)
            if reading != .head, reading != .lingering { rearm(at: now) }
        }
        flushIfNeeded()
    }

    // MARK: Writing

    func write(_ buffer: ByteBuffer) {
        guard let context else { return }
        context.write(wrapOutboundOut(buffer), promise: nil)
        needsFlush = true
    }

    func flushIfNeeded() {
        guard needsFlush, let context else { return }
        needsFlush = false
        context.flush()
        if !context.channel.isWritable { pauseUpstream() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else {
            pauseUpstream()
            return
        }
        if let upstream {
            upstream.resumeReads()
            let now = LiveWorld.now()
            exchange.answerResumed(at: now)
            rearm(at: now)
        } else if reading == .head {
            resumeReads()
            advance()
        }
    }

    private func pauseUpstream() {
        guard let upstream else { return }
        upstream.pauseReads()
        let now = LiveWorld.now()
        exchange.answerPaused(at: now)
        if exchange.phase == .relaying { rearm(at: now) }
    }

    /// Stops reading from the caller until `resumeReads`.
    func pauseReads() {
        guard !isPaused, !isClosed else { return }
        isPaused = true
        try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
    }

    func resumeReads() {
        guard isPaused else { return }
        isPaused = false
        try? context?.channel.syncOptions?.setOption(.autoRead, value: true)
    }

    private func logRecord(at now: Instant) {
        let settings = exchange.snapshot.telemetry
        guard settings.accessLog != .off else { return }
        let bytes = headBytes
        loop.log(
            exchange.record, head, bytes.readableBytesSpan, client: peer,
            requestID: exchange.keptRequestID ?? [], logsQuery: settings.logQuery)
    }
}
