// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// One connection of a caller at the proxy.
///
/// It reads requests one after another, asks the `Exchange` what to do, and does it. The steps
/// stand in files of their own: reading, attempts at endpoints, relaying of answers, ends.
///
/// ```
///  head ──> collecting ──> waiting ──> (answer relayed) ──> head …
///     └──> streaming ───────┘                         └──> lingering ──> closed
/// ```
final class ProxyClient: SocketHandler {
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

    /// Held strongly until the world dissolves: an unowned reference costs at every use.
    let loop: ProxyLoop
    let socket: Socket
    /// The place of the port that it was accepted on.
    let listening: Int
    /// Its place in the loop's list.
    var place = -1
    var reading = Reading.head
    var head = RequestHead()
    var exchange = Exchange()

    /// Bytes that were read and not yet used.
    var inbound = Inbound()
    /// The bytes of the present request's head.
    var headBytes: [UInt8] = []
    /// The collected payload of the present request.
    var body: [UInt8]?
    var reader = BodyReader(.none, limits: HeadLimits())

    var upstream: ProxyUpstream?
    /// The other of two attempts, which is not looked at.
    var rival: Rival?
    /// The question to a policy engine that is waited for.
    var policyCall: PolicyCall?
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
    var needsFlush = false
    var hasContinued = false

    /// When `timerFired` must be called.
    var deadline = Instant.distantFuture
    /// When the timer will look at the deadline.
    private var armedAt = Instant.distantFuture
    var isClosed = false
    let peer = Array("10.1.0.1".utf8)
    /// The request that runs, by its number in the world, or -1.
    var request = -1
    /// Whether an exchange was begun whose record was not made.
    var owesRecord = false

    var isAdvancing = false
    var isIdle = false

    init(loop: ProxyLoop, socket: Socket, listening: Int) {
        self.loop = loop
        self.socket = socket
        self.listening = listening
    }

    var world: World { loop.world }

    // MARK: Connection

    /// The connection was accepted.
    func opened(at now: Instant) {
        loop.enter(self)
        exchange.peer = peer
        loop.shard.metrics.mesh.downstreamOpened += 1
        let open = world.proxy.loops.reduce(0) { $0 + $1.clients.count }
        if open > loop.shard.snapshot.limits.connectionsMax {
            begins(request: -1)
            perform(
                exchange.refuseUnread(
                    Refusal(.tooManyConnections), shard: &loop.shard, at: now), at: now)
            return
        }
        isIdle = true
        deadline = now + loop.shard.snapshot.limits.headTimeout
        arm(at: now)
    }

    func received(_ socket: Socket, at now: Instant) {
        if reading == .lingering {
            var thrown = Inbound()
            socket.take(into: &thrown)
            return
        }
        socket.take(into: &inbound)
        advance(at: now)
    }

    func peerFinished(_ socket: Socket, at now: Instant) {
        gone(at: now)
        closed(at: now)
    }

    func broke(_ socket: Socket, at now: Instant) {
        gone(at: now)
        closed(at: now)
    }

    func hasRoom(_ socket: Socket, at now: Instant) {
        if let upstream {
            upstream.socket.resume(at: now)
            exchange.answerResumed(at: now)
            rearm(at: now)
        } else if reading == .head {
            socket.resume(at: now)
            advance(at: now)
        }
    }

    /// The caller went away: whatever runs for it is given up.
    private func gone(at now: Instant) {
        guard !isClosed, reading != .head, reading != .lingering else { return }
        if world.options.sabotage == .forgetsCallerLeft {
            abandonUpstream(at: now)
            leaveRival(at: now)
            return
        }
        perform(exchange.clientGone(shard: &loop.shard, at: now), at: now)
    }

    /// Closes the connection, and gives up whatever runs on it.
    func closed(at now: Instant) {
        guard !isClosed else { return }
        gone(at: now)
        guard !isClosed else { return }
        policyCall?.cancel(at: now)
        isClosed = true
        isIdle = false
        inbound.clear()
        headBytes = []
        body = nil
        if world.options.sabotage != .forgetsCallerLeft || !owesRecord { loop.leave(self) }
        socket.close(at: now)
    }

    /// Ends what runs with an error that the caller can read; called when the process stops and
    /// can wait no longer.
    func abort(at now: Instant) {
        if reading == .head || reading == .lingering {
            closed(at: now)
            return
        }
        world.faults.count(.cutOff)
        perform(exchange.cutOff(shard: &loop.shard, at: now), at: now)
        flushIfNeeded(at: now)
    }

    /// The process is stopping.
    func drain(at now: Instant) {
        exchange.keepsAlive = false
        if reading == .head, inbound.isEmpty { closed(at: now) }
    }

    /// The set of listened ports changed; a connection of a closed port ends when it is idle.
    func portsChanged(at now: Instant) {
        if port < 0 { drain(at: now) }
    }

    /// Index of its port in the present snapshot, -1 when the port is gone.
    var port: Int { listening < loop.portIndex.count ? loop.portIndex[listening] : -1 }

    // MARK: Timer

    /// Makes sure that `timerFired` is called not long after `deadline`.
    func arm(at now: Instant) {
        guard deadline < armedAt, world.options.sabotage != .forgetsDeadlines else { return }
        let grain = UInt64(Limits.timerGrain.rawValue)
        let wanted = min(max(deadline, now), now + Limits.timerReach)
        let slot = Instant(nanoseconds: (wanted.nanoseconds / grain + 1) * grain)
        armedAt = slot
        world.schedule(at: slot) { [self] now in
            guard armedAt == slot else { return }
            armedAt = .distantFuture
            if isClosed { return }
            if deadline <= now { timerFired(at: now) }
            if !isClosed { arm(at: now) }
        }
    }

    /// Lets the timer know the exchange's deadline.
    func rearm(at now: Instant) {
        deadline = exchange.deadline
        arm(at: now)
    }

    private func timerFired(at now: Instant) {
        switch reading {
        case .lingering:
            deadline = .distantFuture
            closed(at: now)
        case .head:
            deadline = .distantFuture
            if isIdle {
                closed(at: now)
            } else {
                begins(request: -1)
                perform(
                    exchange.refuseUnread(
                        Refusal(.requestTimeout), shard: &loop.shard, at: now), at: now)
            }
        case .waiting where exchange.phase == .asking:
            policyAnswered(.failed(.timeout), at: now)
        case .waiting where exchange.phase == .queued: called(.tooLate, at: now)
        case .collecting, .streaming, .waiting:
            if exchange.isRivalDue(at: now) { switchLanes() }
            perform(exchange.timerFired(shard: &loop.shard, at: now), at: now)
            if reading != .head, reading != .lingering { rearm(at: now) }
        }
        flushIfNeeded(at: now)
    }

    // MARK: Writing

    /// Writes what is told of beforehand.
    func write(_ text: StaticString) {
        socket.write(text)
        needsFlush = true
    }

    /// Sends what was written; an endpoint whose caller does not keep up is no longer read.
    func flushIfNeeded(at now: Instant) {
        guard needsFlush, !isClosed else { return }
        needsFlush = false
        socket.flush(at: now)
        if !socket.isWritable { pauseUpstream(at: now) }
    }

    private func pauseUpstream(at now: Instant) {
        guard let upstream, world.options.sabotage != .ignoresSlowReader else { return }
        upstream.socket.pause()
        exchange.answerPaused(at: now)
        if exchange.phase == .relaying { rearm(at: now) }
    }
}
