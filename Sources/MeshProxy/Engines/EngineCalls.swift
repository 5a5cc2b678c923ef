// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshRouting
import MeshSnapshot

/// The questions to policy engines that one loop has on their way, and its idle connections to
/// them.
///
/// Endpoints are those of the engine's Backend, chosen by the exchange as for requests: with its
/// balancing, health checks and ejection, and where the data may be. An engine that hangs holds
/// back the requests that must ask it and nothing else: what waits is bounded, and what comes above
/// that is answered at once.
final class EngineCalls {
    /// Questions to one engine that may be on their way at once on one loop.
    static let questionsMax = 1_024
    /// Idle connections that are kept to one endpoint.
    static let idleMax = 16
    /// How long one is kept.
    static let idleTime = Nanoseconds.seconds(30)

    unowned(unsafe) let loop: Loop
    private let checks: (any CheckClient)?
    private var onTheirWay: [String: Int] = [:]
    private var idle: [EndpointSlot: [EngineConnection]] = [:]

    init(loop: Loop, checks: (any CheckClient)?) {
        self.loop = loop
        self.checks = checks
    }

    /// Performs `order` for an exchange of the snapshot `asked`; `done` is called once, later,
    /// unless the call is cancelled before.
    func ask(
        _ order: EngineOrder, of asked: Snapshot,
        done: @escaping (EngineOutcome) -> Void
    ) -> EngineCall {
        let call = EngineCall(order.question, self, done)
        let name = order.question.engine.name
        guard onTheirWay[name, default: 0] < Self.questionsMax else {
            call.finishLater(.busy)
            return call
        }
        onTheirWay[name, default: 0] += 1
        call.isCounted = true
        call.start(at: order.pick, of: asked, checks: checks)
        return call
    }

    /// A call is over.
    func ended(_ call: EngineCall) {
        let name = call.question.engine.name
        guard let count = onTheirWay[name] else { return }
        onTheirWay[name] = count > 1 ? count - 1 : nil
    }

    // MARK: Connections

    /// An idle connection to the endpoint in `slot`, encrypted as `tls` says, or nil.
    func take(_ slot: EndpointSlot, tls: UpstreamTLS?) -> EngineConnection? {
        while let last = idle[slot]?.popLast() {
            if last.isOpen, last.tls == tls { return last }
            last.close()
        }
        return nil
    }

    /// Keeps a connection for the next question; closes it when enough are kept.
    func keep(_ connection: EngineConnection) {
        guard connection.isOpen, idle[connection.slot, default: []].count < Self.idleMax else {
            connection.close()
            return
        }
        connection.idleUntil = loop.now + Self.idleTime
        idle[connection.slot, default: []].append(connection)
    }

    /// Forgets an idle connection that closed by itself.
    func remove(_ connection: EngineConnection) {
        idle[connection.slot]?.removeAll { $0 === connection }
        if idle[connection.slot]?.isEmpty == true { idle[connection.slot] = nil }
    }

    /// Closes what has been idle for too long.
    func prune(at now: Instant) {
        guard !idle.isEmpty else { return }
        for connection in idle.values.flatMap({ $0 }) where connection.idleUntil <= now {
            connection.close()
        }
    }

    /// Closes what is idle: its endpoint may be gone.
    func closeIdle() {
        for connection in idle.values.flatMap({ $0 }) { connection.close() }
        idle = [:]
    }
}

/// One question on its way.
///
/// Sendable only so that an answer from another thread finds its way back; nothing but its loop
/// touches it.
final class EngineCall: @unchecked Sendable {
    let question: EngineQuestion
    /// Whether it counts among those on their way.
    var isCounted = false

    private let calls: EngineCalls
    private var done: ((EngineOutcome) -> Void)?
    private var pick: Pick?
    private var asked = Instant(nanoseconds: 0)
    private var limit: Timer?
    private var connection: EngineConnection?
    private var check: (any CheckCall)?
    private var mayTryAgain = true

    fileprivate init(
        _ question: EngineQuestion, _ calls: EngineCalls, _ done: @escaping (EngineOutcome) -> Void
    ) {
        self.question = question
        self.calls = calls
        self.done = done
    }

    private var loop: Loop { calls.loop }

    /// Nobody waits for the answer any more.
    func cancel() {
        guard done != nil else { return }
        done = nil
        cleanUp(.cancelled)
    }

    /// Ends it with a failure, later in this turn.
    func finishLater(_ failure: EngineFailure) {
        loop.sockets.later { [self] in finish(.failed(failure)) }
    }

    fileprivate func start(at pick: Pick, of asked: Snapshot, checks: (any CheckClient)?) {
        let now = loop.now
        self.asked = now
        limit = loop.sockets.schedule(at: now + question.engine.timeout) { [unowned self] in
            limit = nil
            finish(.failed(.timeout))
        }
        loop.shard.beginQuestion(pick, of: asked, at: now)
        self.pick = pick
        let endpoint = asked.endpoints[Int(pick.endpoint)]
        let backend = asked.backends[Int(endpoint.backend)]
        switch question.form {
        case .http(let http):
            let bytes = http.bytes(
                authority: backend.hostHeader ?? Array(endpoint.authority.utf8))
            send(bytes, to: endpoint, tls: backend.tls, fresh: false)
        case .check(let check):
            guard let checks else {
                finishLater(.unreachable)
                return
            }
            let place = CheckPlace(
                address: endpoint.address, port: endpoint.port, tls: backend.tls,
                authority: backend.hostHeader.map { String(decoding: $0, as: UTF8.self) })
            let sockets = loop.sockets
            self.check = checks.check(check, at: place, within: question.engine.timeout) {
                outcome in sockets.execute { self.finish(outcome) }
            }
        }
    }

    private func send(
        _ bytes: [UInt8], to endpoint: Endpoint, tls: UpstreamTLS?, fresh: Bool
    ) {
        guard let pick else { return }
        if !fresh, let waiting = calls.take(pick.slot, tls: tls) {
            ask(bytes, on: waiting, endpoint, tls)
            return
        }
        guard let address = InternetAddress(endpoint.address, port: endpoint.port),
            let secured = loop.client(of: tls)
        else {
            finishLater(.unreachable)
            return
        }
        let made = EngineConnection(calls: calls, slot: pick.slot, tls: tls)
        connection = made
        made.whenUsable = { [weak self, unowned made] isGood in
            guard let self, done != nil, connection === made else {
                made.close()
                return
            }
            if isGood {
                ask(bytes, on: made, endpoint, tls)
            } else {
                connection = nil
                finish(.failed(.unreachable))
            }
        }
        made.connect(to: address, within: question.engine.timeout, secured: secured)
    }

    private func ask(
        _ bytes: [UInt8], on connection: EngineConnection, _ endpoint: Endpoint,
        _ tls: UpstreamTLS?
    ) {
        self.connection = connection
        let wasUsed = connection.hasServed
        let upstream = question.engine.upstreamHeaders
        let speech = question.engine.speech
        connection.ask(bytes, speech: speech, upstream: upstream) { [weak self] outcome in
            guard let self, done != nil else { return }
            self.connection = nil
            if outcome == nil, wasUsed, mayTryAgain {
                // It had closed a connection that it kept open; that says nothing of it.
                mayTryAgain = false
                send(bytes, to: endpoint, tls: tls, fresh: true)
                return
            }
            finish(outcome ?? .failed(.unreachable))
        }
    }

    private func finish(_ outcome: EngineOutcome) {
        guard let done else { return }
        self.done = nil
        switch outcome {
        case .answered:
            if let pick {
                loop.shard.fleet.firstByte(pick.slot, after: loop.now - asked, at: loop.now)
            }
            cleanUp(.success)
        case .failed: cleanUp(.failure)
        }
        done(outcome)
    }

    private func cleanUp(_ outcome: Outcome) {
        if let limit { loop.sockets.cancel(limit) }
        limit = nil
        check?.cancel()
        check = nil
        if let connection {
            self.connection = nil
            connection.close()
        }
        if let pick { loop.shard.endQuestion(pick, outcome, at: loop.now) }
        pick = nil
        if isCounted {
            isCounted = false
            calls.ended(self)
        }
    }
}
