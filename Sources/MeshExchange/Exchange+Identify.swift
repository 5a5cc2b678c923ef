// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
package import MeshWire

extension Exchange {
    /// A request head was read whole.
    ///
    /// **Shape** `bytes` are the bytes that `head` was parsed from; `port` is an index into the
    /// shard's present `snapshot.ports`, negative when that port is no longer listened on.
    package mutating func begin(
        _ head: borrowing RequestHead, _ bytes: RawSpan, port: Int, shard: inout Shard,
        at now: Instant
    ) -> Step {
        let drawn = shard.random.state
        reset()
        snapshot = shard.snapshot
        credentials = shard.credentials
        method = head.method
        clientMinorVersion = UInt8(truncatingIfNeeded: head.minorVersion)
        keepsAlive = head.keepAlive && !shard.isDraining && shard.pressure < .sheds
        isRequestComplete = head.framing == .none
        hasCredential = !head.present.isDisjoint(with: Self.ownCredentials)
        identify(head, bytes, shard: &shard, at: now)
        if let secured, secured.endsSoon(at: record.startedAt) { keepsAlive = false }
        startTape(.begin, drawn: drawn, port: port, shard: &shard, at: now)
        keepHead(head, bytes)
        if head.present.contains(.te) { readCall(head, bytes) }
        return noted(receive(head, bytes, port: port, shard: &shard, at: now), &shard)
    }

    private static let ownCredentials = FieldSet(names: [.authorization, .xAPIKey, .apiKey])

    private mutating func receive(
        _ head: borrowing RequestHead, _ bytes: RawSpan, port: Int, shard: inout Shard,
        at now: Instant
    ) -> Step {
        record.bytesIn = UInt64(head.length)
        record.snapshot = snapshot.version
        shard.metrics.mesh.activeRequests += 1

        if shard.pressure >= .refuses {
            return refuse(Refusal(.proxyOverloaded), shard: &shard, at: now)
        }
        if head.method == .connect || head.method == .trace || refusesUpgrade(head, bytes) {
            let refusal = Refusal(
                .methodNotSupported, status: head.method == .connect ? 405 : 501)
            return refuse(refusal, shard: &shard, at: now)
        }
        guard port >= 0, port < snapshot.ports.count,
            let listener = snapshot.ports[port].listener(
                for: bytes.extracting(head.hostNameRange.range))
        else { return refuse(Refusal(.noRoute), shard: &shard, at: now) }
        self.port = Int32(port)
        self.listener = Int32(listener)
        tape?.say(.identify, "listener \(snapshot.ports[port].listeners[listener].name)")
        if secured != nil, let refusal = misdirection(of: head, bytes) {
            return refuse(refusal, shard: &shard, at: now)
        }
        return classify(head, bytes, shard: &shard, at: now)
    }

    /// What came was not a request: answers and closes.
    package mutating func refuseMalformed(
        _ violation: Violation, shard: inout Shard, at now: Instant
    ) -> Step {
        refuseUnread(Refusal(violation), shard: &shard, at: now)
    }

    /// A request never got as far as a head: answers with `refusal` and closes.
    package mutating func refuseUnread(
        _ refusal: Refusal, shard: inout Shard, at now: Instant
    ) -> Step {
        let drawn = shard.random.state
        beginUnread(shard: &shard, at: now)
        startTape(.unread, drawn: drawn, port: -1, shard: &shard, at: now)
        tape?.amend { $0.refusal = RecordedRefusal(refusal) }
        return noted(refuse(refusal, shard: &shard, at: now), &shard)
    }

    private mutating func beginUnread(shard: inout Shard, at now: Instant) {
        reset()
        snapshot = shard.snapshot
        keepsAlive = false
        method = .other
        record = ExchangeRecord(
            requestID: RequestID(using: &shard.random),
            trace: TraceContext(sampled: false, using: &shard.random), started: now,
            startedAt: shard.wallTime(now))
        record.snapshot = snapshot.version
        shard.metrics.mesh.activeRequests += 1
    }

    private mutating func identify(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) {
        let id = RequestID(using: &shard.random)
        var trace: TraceContext?
        if let parent = head.first(.traceparent) {
            trace = TraceContext(
                traceparent: bytes.extracting(parent.valueRange.range), using: &shard.random)
        }
        if let own = head.first(.xRequestID),
            RequestID.isAcceptable(bytes.extracting(own.valueRange.range))
        {
            callerRequestID = bytes.extracting(own.valueRange.range).array
        }
        record = ExchangeRecord(
            requestID: id,
            trace: trace ?? TraceContext(sampled: true, using: &shard.random), started: now,
            startedAt: shard.wallTime(now))
    }

    /// An upgrade that a plain proxy cannot leave out without changing what the caller means.
    /// `h2c` is only an offer, and is left out.
    private func refusesUpgrade(_ head: borrowing RequestHead, _ bytes: RawSpan) -> Bool {
        guard head.upgrade, let field = head.first(.upgrade) else { return false }
        return !bytes.extracting(field.valueRange.range).equalsIgnoringCase("h2c")
    }

    /// Makes the exchange ready for the next request of its connection.
    mutating func reset() {
        phase = .idle
        deadline = .distantFuture
        canReplay = true
        listener = -1
        rule = -1
        operation = .none
        tongue = .plain
        facts = nil
        canonicalPath = nil
        callerRequestID = nil
        grpc = nil
        model = -1
        modelTarget = 0
        backend = -1
        ruleTarget = -1
        meantArm = -1
        isStoodInFor = false
        arm = -1
        armFailed = false
        pick = nil
        isBegun = false
        trial = []
        silence = nil
        race = nil
        lane = 0
        hedgeAt = .distantFuture
        soonest = .distantFuture
        tried = Tried()
        attemptsOnTarget = 0
        ringHash = nil
        usedFreshConnectionAfterReset = false
        caller = nil
        callerProvider = -1
        callerField = .other
        accessNotes = nil
        labels = []
        turnstile = nil
        reservation = nil
        wasAsked = false
        requestDeadline = .distantFuture
        attemptDeadline = .distantFuture
        waitDeadline = .distantFuture
        reading = .nothing
        asksForUsage = false
        answeredHead = false
        if !hold.isEmpty { hold.clear() }
        isReleasing = false
        needs = nil
        contextFloor = nil
        log = nil
        isResuming = false
        firstTokenAt = nil
        if watch != nil { watch = nil }
        isPaused = false
        if tape?.isReplay != true { tape = nil }
    }
}
