// SPDX-License-Identifier: Apache-2.0

import Glibc
import MeshBasics
import MeshEngines
import MeshExchange
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// One client connection.
///
/// It reads requests one after another, asks the `Exchange` what to do, and does it. The answer
/// is relayed in ClientHandler+Relay, attempts at endpoints are in ClientHandler+Attempt.
///
/// ```
///  head ──> collecting ──> waiting ──> (answer relayed) ──> head …
///     └──> streaming ───────┘                         └──> lingering ──> closed
/// ```
final class ClientHandler: Connection {
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

    /// How much of a streamed body is kept.
    enum Retained: UInt8 {
        /// None of it was streamed yet.
        case nothing
        /// All that was streamed so far.
        case all
        /// It was too large.
        case part
    }

    unowned(unsafe) let loop: Loop
    /// The number of the socket it was accepted on.
    let socket: Int
    var reading = Reading.head
    var head = RequestHead()
    var exchange = Exchange()

    /// The bytes of the present request's head, kept until its record is final.
    var headBytes: ByteQueue
    /// The collected payload of the present request, when `hasBody`.
    var body: ByteQueue
    /// Whether the payload was collected, be it empty.
    var hasBody = false
    var reader = BodyReader(.none, limits: HeadLimits())

    var upstream: UpstreamHandler?
    /// The other of two attempts, which is not looked at.
    var rival: Rival?
    /// The question to a policy engine that is waited for.
    var engineCall: EngineCall?
    /// What it waits under at a turnstile, or 0.
    var parked: UInt64 = 0
    /// The endpoint that `upstream` leads to.
    var askedPick: Pick?
    /// The number of the present attempt, so that a connection that comes too late is recognised.
    var attempt: UInt32 = 0
    /// The highest number that was given to an attempt.
    var lastAttempt: UInt32 = 0
    var answerFraming = AnswerFraming.none
    /// Whether the endpoint's answer comes in chunks.
    var answerUpstreamIsChunked = false

    /// When `timerFired` must be called.
    var deadline = Instant.distantFuture
    /// When the wheel will look at the deadline.
    var armedAt = Instant.distantFuture
    /// Where in the wheel's slot for `armedAt` it stands, -1 when it is not armed.
    var wheelPlace = -1
    /// The caller's address as text.
    let peer: [UInt8]

    private var isAdvancing = false
    /// How the connection ends once everything is written: at once, or with a reset.
    private var isAbort = false
    private var isReset = false
    private var isIdle = false
    /// Whether it serves one request, on a stream of HTTP/2.
    let servesStream: Bool
    /// How much of a streamed body is kept in `body`.
    var retained = Retained.nothing
    /// Whether a request was read on it.
    private var hasServed = false

    init(loop: Loop, socket: Int, peer: InternetAddress) {
        self.loop = loop
        self.socket = socket
        self.peer = Array(peer.host.utf8)
        servesStream = false
        headBytes = ByteQueue(loop.sockets.blocks)
        body = ByteQueue(loop.sockets.blocks)
        super.init(sockets: loop.sockets)
        exchange.peer = self.peer
    }

    /// For one stream of `session`.
    init(loop: Loop, session: HTTP2ServerSession) {
        self.loop = loop
        socket = session.socket
        peer = session.peer
        servesStream = true
        headBytes = ByteQueue(loop.sockets.blocks)
        body = ByteQueue(loop.sockets.blocks)
        super.init(sockets: loop.sockets)
        exchange.peer = peer
        exchange.secured = session.secured
        exchange.speaksHTTP2 = true
    }

    // MARK: Connection

    /// Serves the connection that was accepted as `descriptor`.
    func open(_ descriptor: Int32) {
        accepted(descriptor)
        loop.clients[ObjectIdentifier(self)] = self
        loop.shard.metrics.mesh.downstreamOpened += 1
        let now = loop.now
        let isSecured = loop.isSecured(port: port)
        if !loop.connections.take() {
            guard !isSecured else {
                close()
                return
            }
            perform(
                exchange.refuseUnread(
                    Refusal(.tooManyConnections), shard: &loop.shard, at: now), at: now)
            return
        }
        setIdle(true)
        if isSecured {
            secure(by: ServerTLSLayer(of: self, loop: loop, socket: socket, peer: peer))
            deadline = now + ServerTLSLayer.timeout
        } else {
            deadline = now + loop.shard.snapshot.limits.headTimeout
        }
        loop.wheel.arm(self, at: now)
    }

    /// The handshake is over.
    override func secured() {
        super.secured()
        exchange.secured = serverTLS?.secured
        if negotiated == "h2" {
            becomeSession()
        } else {
            deadline = loop.now + loop.shard.snapshot.limits.headTimeout
            loop.wheel.arm(self, at: loop.now)
        }
    }

    /// Serves the one request of a stream.
    func open(on stream: ServerStream) {
        opened(on: stream)
        deadline = loop.now + loop.shard.snapshot.limits.headTimeout
        loop.wheel.arm(self, at: loop.now)
    }

    /// Answers a request whose head is too large.
    func refuse(_ violation: Violation) {
        let now = loop.now
        perform(exchange.refuseMalformed(violation, shard: &loop.shard, at: now), at: now)
        flushIfNeeded()
    }

    override func ended() {
        gone()
        forgetQuestion()
        loop.wheel.disarm(self)
        if servesStream { return }
        loop.connections.giveBack()
        setIdle(false)
        loop.clientClosed(self)
    }

    override func dismissed() {
        super.dismissed()
        dropRequest()
    }

    /// The caller went away: whatever runs for it is given up.
    private func gone() {
        guard reading != .head, reading != .lingering else { return }
        let now = loop.now
        perform(exchange.clientGone(shard: &loop.shard, at: now), at: now)
    }

    /// Index of its port in the present snapshot, -1 when the port is gone.
    var port: Int { loop.port(ofSocket: socket) }

    func setIdle(_ idle: Bool) {
        guard idle != isIdle, !servesStream else { return }
        isIdle = idle
        loop.idleClients += idle ? 1 : -1
    }

    // MARK: Reading

    override func received() {
        guard reading != .lingering else {
            input.drop(input.count)
            return
        }
        advance()
    }

    /// Uses what was read as far as it goes.
    func advance() {
        // A finished answer asks for the next request from within this loop.
        if isAdvancing { return }
        isAdvancing = true
        defer { isAdvancing = false }
        var goesOn = true
        while goesOn, !input.isEmpty || reading == .collecting, isOpen {
            switch reading {
            case .head:
                // Whoever sends requests without reading the answers waits.
                flushIfNeeded()
                if !isWritable {
                    pauseReads()
                    goesOn = false
                } else {
                    goesOn = readHead()
                }
            case .collecting: goesOn = collect()
            case .streaming: goesOn = streamBody()
            case .waiting:
                if input.count > 64 * 1024 { pauseReads() }
                goesOn = false
            case .lingering:
                input.drop(input.count)
                goesOn = false
            }
        }
        flushIfNeeded()
        input.settle()
    }

    private func readHead() -> Bool {
        let now = loop.now
        if isIdle {
            setIdle(false)
            deadline = now + loop.shard.snapshot.limits.headTimeout
        }
        do {
            let bytes = input.window
            guard try head.parse(bytes.bytes, limits: loop.headLimits) else {
                loop.wheel.arm(self, at: now)
                return false
            }
        } catch {
            if !hasServed, !servesStream, speaksHTTP2() { return false }
            perform(
                exchange.refuseMalformed(error, shard: &loop.shard, at: now), at: now)
            return false
        }
        hasServed = true
        if let bytes = input.take(head.length) { headBytes.append(bytes) }
        if loop.asksInFields(port), !readAsked(at: now) { return true }
        reading = .waiting
        reader = BodyReader(head.framing, limits: loop.headLimits)
        let bytes = headBytes.window
        perform(
            exchange.begin(
                head, bytes.bytes, port: port, shard: &loop.shard, at: now),
            at: now)
        return true
    }

    /// Collects the body for a decision; answers whether there may be more to do.
    private func collect() -> Bool {
        let now = loop.now
        let limit = exchange.snapshot.limits.bufferedBodyBytesMax
        switch takeBody(limit: limit) {
        case .whole:
            reading = .waiting
            let bytes = headBytes.window
            let payload = body.window
            perform(
                exchange.bodyCollected(
                    payload.bytes, head, bytes.bytes,
                    shard: &loop.shard, at: now), at: now)
            return true
        case .partial:
            if loop.shard.pressure >= .slowsDown, !servesStream { loop.slow(self) }
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

    /// Moves payload from `input` to `body`.
    func takeBody(limit: Int) -> Taken {
        if !hasBody, case .length(let count) = head.framing {
            if count > UInt64(limit) { return .tooLarge }
            if let whole = input.take(Int(count)) {
                keepBody(whole)
                reader = BodyReader(.none, limits: loop.headLimits)
                return .whole
            }
            // Room for all of it at once, so that nothing is moved while it comes.
            _ = body.room(Int(count))
        }
        hasBody = true
        var offset = 0
        var result = Taken.partial
        let bytes = input.window
        let span = bytes.bytes
        do throws(Violation) {
            pieces: while true {
                switch try reader.next(span, at: &offset) {
                case .payload(let range):
                    if body.count + range.count > limit {
                        result = .tooLarge
                        break pieces
                    }
                    body.append(UnsafeRawBufferPointer(rebasing: bytes[range.range]))
                case .end:
                    result = .whole
                    break pieces
                case .needMore: break pieces
                }
            }
        } catch {
            result = .malformed(error)
        }
        input.drop(offset)
        return result
    }

    /// Keeps `bytes` as the whole payload.
    func keepBody(_ bytes: UnsafeRawBufferPointer) {
        body.clear()
        body.append(bytes)
        hasBody = true
    }

    /// Forgets the present request's bytes.
    private func dropRequest() {
        headBytes.clear()
        body.clear()
        hasBody = false
        retained = .nothing
    }

    /// Tells a caller that waits for it to send the body.
    func continueIfExpected() {
        guard head.expectsContinue, !hasContinued else { return }
        hasContinued = true
        write("HTTP/1.1 100 Continue\r\n\r\n")
        flush()
    }

    private var hasContinued = false

    // MARK: Steps

    /// Performs what the exchange decided, in the order of `Step`'s fields.
    func perform(_ step: Step, at now: Instant) {
        if step.abandonsUpstream { abandonUpstream() }
        if step.takesRival { takeRival() }
        if step.leavesRival { leaveRival() }
        if step.hedges, let pick = exchange.rivalPick { hedge(pick, at: now) }
        if step.collectsBody {
            reading = .collecting
            body.clear()
            hasBody = exchange.isRequestComplete
        }
        if let order = step.asks { ask(order) }
        if let pick = step.dispatch {
            for order in step.mirrors { mirror(order) }
            dispatch(pick, after: step.delay, fresh: step.needsFreshConnection, at: now)
        }
        if step.writes, !step.relaysBody { writeOutput() }
        if step.writesBody { writePayloadOutput() }
        if step.endsAnswer { writeAnswerEnd() }
        if step.writesTrailers { writeAnswerEnd(trailers: loop.shard.output) }
        if step.isDone {
            unpark()
            forgetQuestion()
            logRecord(at: now)
            loop.comparePairs()
        }
        if let provider = step.awaitsKeys { awaitKeys(of: provider) }
        if step.closesClient {
            closeAfterFlush(at: now)
        } else if step.isDone {
            readyForNext(at: now)
        } else {
            switch exchange.phase {
            case .idle, .done: break
            case .identifying, .asking, .collecting, .dispatched, .sent, .holding, .relaying:
                rearm(at: now)
            case .queued:
                park()
                rearm(at: now)
            }
        }
        loop.heedTurnstiles()
    }

    /// Lets the wheel know the exchange's deadline.
    func rearm(at now: Instant) {
        deadline = exchange.deadline
        loop.wheel.arm(self, at: now)
    }

    private func awaitKeys(of provider: IdentityID) {
        let token = attempt
        loop.awaitKeys(exchange.snapshot.identity[Int(provider)].material) { [self] in
            guard token == attempt, isOpen, exchange.phase == .identifying else { return }
            let now = loop.now
            let bytes = headBytes.window
            let payload = body.window
            perform(
                exchange.keysSettled(
                    head, bytes.bytes, body: hasBody ? payload.bytes : nil, shard: &loop.shard,
                    at: now), at: now)
            // What came while it waited was not looked at.
            resumeReads()
            advance()
        }
    }

    private func readyForNext(at now: Instant) {
        dropRequest()
        hasContinued = false
        countAttempt()
        reading = .head
        // Whoever was promised that the connection stays may have sent its next request already.
        let isSpared = loop.sparesIdle && exchange.keepsAlive
        if servesStream || loop.shard.isDraining && !isSpared || port < 0 {
            closeAfterFlush(at: now)
            return
        }
        setIdle(input.isEmpty)
        let limits = loop.shard.snapshot.limits
        let isShort = loop.shard.pressure >= .slowsDown
        let idle = isShort ? min(limits.idleTimeout, .seconds(5)) : limits.idleTimeout
        deadline = now + (input.isEmpty ? idle : limits.headTimeout)
        loop.wheel.arm(self, at: now)
        resumeReads()
        if !input.isEmpty { advance() }
    }

    /// Closes once everything written has left, so that the caller can still read it: then sends
    /// the end of our side, and throws away what comes until the caller closes too.
    private func closeAfterFlush(at now: Instant) {
        flushIfNeeded()
        countAttempt()
        guard isOpen, reading != .lingering else { return }
        let flags = exchange.record.flags
        let isRead = exchange.isRequestComplete && input.isEmpty
        reading = .lingering
        input.drop(input.count)
        dropRequest()
        resumeReads()
        if flags.contains(.clientAborted) {
            close()
            return
        }
        // A caller that takes nothing any more is given up as an idle one is.
        deadline = now + exchange.snapshot.limits.idleTimeout
        loop.wheel.arm(self, at: now)
        let isCut = flags.contains(.truncated)
        // Where only the connection's end marks that of the body, a cut must not look like it.
        isReset = isCut && answerFraming == .untilClose
        isAbort = isCut || isRead
        if isFlushed { lingerAfterWrites() }
    }

    override func flushed() {
        if reading == .lingering { lingerAfterWrites() }
    }

    private func lingerAfterWrites() {
        guard isOpen else { return }
        // RFC 9293 section 3.6: what is not delivered by then is lost, but so is the illusion.
        if isReset { resetOnClose() }
        if isAbort || isReset || servesStream {
            close()
            return
        }
        let now = loop.now
        deadline = now + .seconds(2)
        loop.wheel.arm(self, at: now)
        shutOutput()
    }

    /// The deadline passed.
    func timerFired(at now: Instant) {
        switch reading {
        case .lingering:
            deadline = .distantFuture
            close()
        case .head:
            deadline = .distantFuture
            if isIdle {
                serverTLS?.timedOut()
                close()
            } else {
                perform(
                    exchange.refuseUnread(
                        Refusal(.requestTimeout), shard: &loop.shard, at: now), at: now)
            }
        case .waiting where exchange.phase == .asking: engineAnswered(.failed(.timeout))
        case .waiting where exchange.phase == .queued: called(.tooLate)
        case .collecting, .streaming, .waiting:
            if exchange.isRivalDue(at: now) { switchLanes() }
            perform(exchange.timerFired(shard: &loop.shard, at: now), at: now)
            if reading != .head, reading != .lingering { rearm(at: now) }
        }
        flushIfNeeded()
    }

    // MARK: Writing

    /// Sends what was written, and stops the endpoint's answer when the caller does not take it.
    func flushIfNeeded() {
        guard isOpen, !isFlushed else { return }
        flush()
        if !isWritable { pauseUpstream() }
    }

    override func relieved() {
        if let upstream {
            upstream.resumeReads()
            let now = loop.now
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
        let now = loop.now
        exchange.answerPaused(at: now)
        if case .relaying = exchange.phase { rearm(at: now) }
    }

    private func logRecord(at now: Instant) {
        let snapshot = exchange.snapshot
        if case .off = snapshot.telemetry.accessLog { return }
        let bytes = headBytes.window
        loop.log(
            exchange.record, head, bytes.bytes, client: exchange.peer,
            requestID: exchange.keptRequestID ?? [], logsQuery: snapshot.telemetry.logQuery)
    }
}
