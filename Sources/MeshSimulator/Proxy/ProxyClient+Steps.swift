// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshExchange
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// How steps are performed, and how connections end.
extension ProxyClient {
    /// Performs what the exchange decided, in the order of `Step`'s fields.
    func perform(_ step: Step, at now: Instant) {
        if step.abandonsUpstream { abandonUpstream(at: now) }
        if step.takesRival { takeRival() }
        if step.leavesRival { leaveRival(at: now) }
        if step.hedges, let pick = exchange.rivalPick { hedge(pick, at: now) }
        if step.collectsBody {
            reading = .collecting
            body = nil
            if exchange.isRequestComplete { body = [] }
        }
        if let order = step.asks { ask(order, at: now) }
        if let pick = step.dispatch {
            if world.options.sabotage == .forgetsSettlement { loop.forgetSettlement(at: now) }
            for order in step.mirrors { mirror(order, at: now) }
            dispatch(pick, after: step.delay, fresh: step.needsFreshConnection, at: now)
        }
        if step.writes, !step.relaysBody { writeOutput() }
        if step.writesBody { emitFramed(loop.shard.output) }
        if step.endsAnswer, isChunkedToClient { write("0\r\n\r\n") }
        if step.isDone {
            unpark()
            policyCall?.cancel(at: now)
            record(at: now)
            loop.comparePairs(at: now)
        }
        if step.awaitsKeys != nil {
            // Nobody fetches keys in an imagined world.
            let bytes = headBytes
            let payload = body ?? []
            perform(
                exchange.keysSettled(
                    head, unsafe bytes.span.bytes,
                    body: body == nil ? nil : unsafe payload.span.bytes,
                    shard: &loop.shard, at: now), at: now)
            return
        }
        if step.closesClient {
            closeAfterFlush(at: now)
        } else if step.isDone {
            readyForNext(at: now)
        } else if exchange.phase != .idle, exchange.phase != .done {
            if exchange.phase == .queued { park() }
            rearm(at: now)
        }
        loop.heedTurnstiles(at: now)
    }

    /// Waits to be called by the turnstile.
    private func park() {
        let ticket = exchange.turnstileTicket
        guard ticket != parked else { return }
        unpark()
        parked = ticket
        loop.waiting[ticket] = self
    }

    private func unpark() {
        guard parked != 0 else { return }
        loop.waiting[parked] = nil
        parked = 0
    }

    /// The turnstile called, or the deadline passed.
    func called(_ end: QueueEnd, at now: Instant) {
        unpark()
        guard !isClosed, exchange.phase == .queued else { return }
        let (bytes, payload) = (headBytes, body ?? [])
        perform(
            exchange.turnstileOpened(
                end, head, unsafe bytes.span.bytes,
                body: body == nil ? nil : unsafe payload.span.bytes, shard: &loop.shard, at: now),
            at: now)
        socket.resume(at: now)
        advance(at: now)
        flushIfNeeded(at: now)
    }

    /// Asks a policy engine for the present exchange.
    private func ask(_ order: EngineOrder, at now: Instant) {
        world.checkQuestion(order.pick, of: exchange.snapshot, request: request)
        policyCall = loop.ask(order, of: exchange.snapshot, at: now) { [self] outcome, now in
            policyAnswered(outcome, at: now)
        }
    }

    /// The engine answered, or its time is over.
    func policyAnswered(_ outcome: EngineOutcome, at now: Instant) {
        policyCall?.cancel(at: now)
        policyCall = nil
        guard exchange.phase == .asking, !isClosed else { return }
        var outcome = outcome
        if world.options.sabotage == .takesSilenceForYes, case .failed = outcome {
            outcome = .answered(EngineAnswer(allows: true))
        }
        let (bytes, payload) = (headBytes, body ?? [])
        perform(
            exchange.engineAnswered(
                outcome, head, unsafe bytes.span.bytes,
                body: body == nil ? nil : unsafe payload.span.bytes, shard: &loop.shard, at: now),
            at: now)
        if reading == .collecting {
            socket.resume(at: now)
            advance(at: now)
        }
        flushIfNeeded(at: now)
    }

    /// An exchange begins for request `number`, or for what cannot be told to be one.
    func begins(request number: Int) {
        if owesRecord {
            world.breach("one record each", "an exchange began before the last one had ended")
        }
        request = number
        owesRecord = true
        world.exchangeBegan(request: number)
    }

    private func record(at now: Instant) {
        if !owesRecord {
            world.breach("one record each", "a second record for request \(request)")
        }
        owesRecord = false
        var record = exchange.record
        if world.options.sabotage == .forgesReceipts, let receipt = record.residency {
            record.residency = ResidencyReceipt(labels: receipt.labels, policies: receipt.policies)
        }
        world.recorded(record, request: request, at: now)
        if world.options.sabotage == .recordsTwice {
            world.recorded(exchange.record, request: request, at: now)
        }
    }

    func writeOutput() {
        socket.write(loop.shard.output)
        needsFlush = true
    }

    private func readyForNext(at now: Instant) {
        headBytes = []
        body = nil
        hasContinued = false
        countAttempt()
        request = -1
        reading = .head
        if loop.shard.isDraining || port < 0 {
            closeAfterFlush(at: now)
            return
        }
        isIdle = inbound.isEmpty
        let limits = loop.shard.snapshot.limits
        deadline = now + (inbound.isEmpty ? limits.idleTimeout : limits.headTimeout)
        arm(at: now)
        socket.resume(at: now)
        if !inbound.isEmpty { advance(at: now) }
    }

    /// Closes once everything written has left, so that the caller can still read it: then sends
    /// the end of our side, and throws away what comes until the caller closes too.
    private func closeAfterFlush(at now: Instant) {
        flushIfNeeded(at: now)
        countAttempt()
        guard !isClosed, reading != .lingering else { return }
        let flags = exchange.record.flags
        let isRead = exchange.isRequestComplete && inbound.isEmpty
        reading = .lingering
        inbound.clear()
        headBytes = []
        body = nil
        socket.resume(at: now)
        if flags.contains(.clientAborted) {
            closed(at: now)
            return
        }
        // A caller that takes nothing any more is given up as an idle one is.
        deadline = now + exchange.snapshot.limits.idleTimeout
        arm(at: now)
        let isCut = flags.contains(.truncated)
        // Where only the connection's end marks that of the body, a cut must not look like it.
        let isReset = isCut && answerFraming == .untilClose
        socket.whenDrained(at: now) { [self] now in
            lingerAfterWrites(isAbort: isCut || isRead, isReset: isReset, at: now)
        }
    }

    private func lingerAfterWrites(isAbort: Bool, isReset: Bool, at now: Instant) {
        guard !isClosed else { return }
        if isReset {
            isClosed = true
            loop.leave(self)
            socket.reset(at: now)
            return
        }
        if isAbort {
            closed(at: now)
            return
        }
        deadline = now + .seconds(2)
        arm(at: now)
        socket.finish(at: now)
    }
}
