// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
import MeshLimits
import MeshRouting
import MeshSnapshot
import MeshTelemetry
package import MeshWire

extension Exchange {
    /// The head of a final answer (status 200 and above) was read.
    ///
    /// Either the answer is passed on, its head in `shard.output`, or the request is sent again
    /// and this answer left.
    package mutating func answerHead(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, clientMinorVersion: UInt8,
        shard: inout Shard, at now: Instant
    ) -> Step {
        guard phase == .sent || phase == .dispatched else { return Step() }
        note(.answerHead, shard, at: now)
        if let tape {
            let text = HeadRedaction.redacted(head, bytes)
            tape.amend { $0.text = text }
        }
        let step = passAnswerHead(
            head, bytes, clientMinorVersion: clientMinorVersion, shard: &shard, at: now)
        return noted(step, &shard)
    }

    private mutating func passAnswerHead(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, clientMinorVersion: UInt8,
        shard: inout Shard, at now: Instant
    ) -> Step {
        record.firstByte = now - record.started
        tape?.say(
            .forward,
            "status \(head.status) after \((now - attemptStarted).milliseconds)")
        if let pick { shard.fleet.firstByte(pick.slot, after: now - attemptStarted, at: now) }
        if let step = retryStatus(head, bytes, shard: &shard, at: now) { return step }

        phase = .relaying
        answeredHead = true
        record.status = UInt16(head.status)
        choosesReading(head, bytes)
        waitForAnswer(at: now)
        var step = Step()
        step.writes = true
        step.relaysBody = true
        writeAnswerHead(
            head, bytes, clientMinorVersion: clientMinorVersion, shard: &shard, at: now)
        record.bytesOut += UInt64(shard.output.count)
        return step
    }

    /// A piece of the answer's body came.
    ///
    /// **Shape** `payload` is without transfer coding; what to forward instead, if anything, is
    /// appended to `output`.
    package mutating func answerBody(
        _ payload: RawSpan, isLast: Bool, into output: inout [UInt8], at now: Instant
    ) -> BodyVerdict {
        waitForAnswer(at: now)
        tape?.lastPiece = now
        switch reading {
        case .nothing, .recorded:
            record.bytesOut &+= UInt64(payload.byteCount)
            return .unchanged
        case .document(var meter):
            reading = .nothing
            meter.observe(payload, isLast: isLast)
            reading = .document(meter)
            record.bytesOut &+= UInt64(payload.byteCount)
            return .unchanged
        case .stream(var relay):
            // Taken out and put back so that its buffers are changed in place.
            reading = .nothing
            defer { reading = .stream(relay) }
            let before = output.count
            do {
                let verdict = try relay.consume(payload, into: &output)
                if firstTokenAt == nil, relay.dataEvents > 0 { firstTokenAt = now }
                switch verdict {
                case .unchanged:
                    record.bytesOut &+= UInt64(payload.byteCount)
                    return .unchanged
                case .replaced:
                    record.bytesOut &+= UInt64(output.count - before)
                    return .replaced
                }
            } catch {
                return .broken
            }
        }
    }

    /// The answer's body ended as its framing says.
    package mutating func answerEnded(shard: inout Shard, at now: Instant) -> Step {
        guard phase == .relaying else { return Step() }
        note(.answerEnded, shard, at: now)
        return noted(endAnswer(shard: &shard, at: now), &shard)
    }

    private mutating func endAnswer(shard: inout Shard, at now: Instant) -> Step {
        shard.output.removeAll(keepingCapacity: true)
        var isComplete = true
        switch reading {
        case .nothing, .document: break
        case .stream(var relay):
            reading = .nothing
            relay.finish(into: &shard.output)
            isComplete = relay.isComplete
            reading = .stream(relay)
        case .recorded(let summary):
            guard let stream = summary.stream else { break }
            shard.output.append(contentsOf: repeatElement(0, count: max(0, stream.heldBytes)))
            isComplete = stream.isComplete
        }
        record.bytesOut &+= UInt64(shard.output.count)
        if !isComplete {
            return breakAnswer(Refusal(.streamTruncated), .reset, shard: &shard, at: now)
        }
        var step = Step()
        step.writesBody = !shard.output.isEmpty
        step.endsAnswer = true
        step.closesClient = !keepsAlive
        let isFailure = record.status >= 500 || isCallFailed
        endAttempt(
            isFailure ? .failure : .success, isFailure ? .serverError : .success, shard: &shard,
            at: now)
        finish(&step, shard: &shard, at: now)
        return step
    }

    /// The answer's body stopped before its framing says it ends, or is not what it must be.
    package mutating func answerBroke(shard: inout Shard, at now: Instant) -> Step {
        guard phase == .relaying else { return Step() }
        note(.answerBroke, shard, at: now)
        if reading.isTerminated {
            // All that the caller waits for was said; only the framing's end is missing.
            var step = endAnswer(shard: &shard, at: now)
            step.abandonsUpstream = true
            return noted(step, &shard)
        }
        let step = breakAnswer(Refusal(.streamTruncated), .reset, shard: &shard, at: now)
        return noted(step, &shard)
    }

    /// Ends an answer that was begun and cannot be finished, in a way that no caller takes for
    /// its end: an error event in a stream, and a connection closed without the framing's end.
    mutating func breakAnswer(
        _ refusal: Refusal, _ result: AttemptResult, shard: inout Shard, at now: Instant
    ) -> Step {
        var step = Step()
        step.abandonsUpstream = true
        shard.output.removeAll(keepingCapacity: true)
        if reading.takesEvents {
            shard.output.append("data: ")
            appendError(refusal, isAI: true, to: &shard.output)
            shard.output.append("\n\n")
            step.writesBody = true
            record.bytesOut &+= UInt64(shard.output.count)
        } else if grpc != nil {
            appendOutcome(refusal, to: &shard.output)
            step.writesTrailers = true
            record.bytesOut &+= UInt64(shard.output.count)
        }
        record.flags.insert(.truncated)
        record.refusal = refusal.code.name
        record.fault = refusal.code.scope
        keepsAlive = false
        step.closesClient = true
        endAttempt(.failure, result, shard: &shard, at: now)
        finish(&step, shard: &shard, at: now)
        return step
    }

    /// The endpoint is no longer read because the caller reads too slowly. From now on it is the
    /// caller that must get on.
    package mutating func answerPaused(at now: Instant) {
        guard phase == .relaying else { return }
        noteProgress(.paused, at: now)
        defer { notedProgress() }
        isPaused = true
        waitDeadline = now + snapshot.limits.idleTimeout
        updateDeadline()
    }

    /// The caller reads again.
    package mutating func answerResumed(at now: Instant) {
        guard phase == .relaying, isPaused else { return }
        isPaused = false
        tape?.lastPiece = now
        waitForAnswer(at: now)
    }

    mutating func waitForAnswer(at now: Instant) {
        guard !isPaused else { return }
        waitDeadline = timeouts.streamIdle.map { now + $0 } ?? .distantFuture
        updateDeadline()
    }

    private mutating func retryStatus(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step? {
        let status = effectiveStatus(head, bytes)
        guard status >= 400 else { return nil }
        let listed = retry.statuses.contains(status)
        let failsOver = model >= 0 && (status == 429 || status >= 500)
        guard listed || failsOver, canReplay else { return nil }
        var wait: Nanoseconds?
        if let field = head.first(.retryAfter),
            let seconds = bytes.extracting(field.valueRange.range).decimal
        {
            wait = .seconds(Int64(min(seconds, 86_400)))
        }
        let before = (pick, backend, modelTarget)
        guard canTryAgain(listed: listed) else { return nil }
        endAttempt(
            status >= 500 ? .failure : .success, status >= 500 ? .serverError : .success,
            shard: &shard, at: now)
        if var step = tryAgain(
            allowed: listed, .status, retryAfter: wait, shard: &shard, at: now)
        {
            // When the next try found no endpoint it has refused already; that is its answer.
            step.abandonsUpstream = true
            return step
        }
        // Nothing else to try: this answer is what the caller gets.
        (pick, backend, modelTarget) = before
        return nil
    }

    private func canTryAgain(listed: Bool) -> Bool {
        if listed, attemptsOnTarget < retry.attempts { return true }
        guard model >= 0 else { return false }
        let next = modelTarget >= 0 ? 0 : -modelTarget
        return next < snapshot.models[Int(model)].fallbacks.count
    }

    private mutating func choosesReading(_ head: borrowing ResponseHead, _ bytes: RawSpan) {
        guard model >= 0, head.status < 300, head.first(.contentEncoding) == nil,
            let type = head.first(.contentType), method != .head
        else { return }
        let value = bytes.extracting(type.valueRange.range)
        if Self.isType(value, "text/event-stream") {
            record.flags.insert(.stream)
            reading = .stream(
                StreamRelay(
                    eventBytesMax: snapshot.limits.eventBytesMax, stripsUsage: asksForUsage,
                    endsByType: operation == .responses))
        } else if operation.hasUsage, Self.isType(value, "application/json") {
            reading = .document(AnswerMeter())
        }
    }

    /// Whether a Content-Type begins with `type`, which is in lower case; types have no case.
    private static func isType(_ value: RawSpan, _ type: StaticString) -> Bool {
        value.extracting(first: type.utf8CodeUnitCount).equalsIgnoringCase(type)
    }

    private mutating func writeAnswerHead(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, clientMinorVersion: UInt8,
        shard: inout Shard, at now: Instant
    ) {
        let framing = answerFraming(head, clientMinorVersion: clientMinorVersion)
        // What is left of a request body that was answered early must not be read as a request.
        if framing == .untilClose || shard.isDraining || !isRequestComplete { keepsAlive = false }
        shard.output.removeAll(keepingCapacity: true)
        HeadWriter.appendStatusLine(of: head, bytes: bytes, to: &shard.output)
        let edits = answerEdits
        let standing = reservation.map { shard.ledger.quota(of: $0, at: now) }
        let quota = standing.map { tape?.quota($0) ?? $0 }
        var dropped = FieldSet(.xRequestID)
        // A HEAD answer says how long the body would be; the others are framed by us.
        // RFC 9110 section 8.6: a 204 has no length.
        if framing == .chunked || framing == .untilClose || head.status == 204 {
            dropped.insert(FieldSet(.contentLength))
        }
        HeadWriter.appendEndToEndFields(
            of: head.fields, bytes: bytes, dropping: dropped,
            also: replacedNames(edits, quota), to: &shard.output)
        if !edits.isEmpty {
            HeaderEdits.append(edits, fields: head.fields, bytes: bytes, to: &shard.output)
        }
        if let quota { QuotaFields.append(quota, to: &shard.output) }
        appendRequestID(to: &shard.output)
        if framing == .chunked || (framing == .asReceived && head.framing == .chunked) {
            shard.output.append("transfer-encoding: chunked\r\n")
        }
        appendConnection(clientMinorVersion: clientMinorVersion, to: &shard.output)
        shard.output.append("\r\n")
    }

    /// How the answer's end is marked towards a caller of HTTP/1.`clientMinorVersion`.
    package func answerFraming(
        _ head: borrowing ResponseHead, clientMinorVersion: UInt8
    ) -> AnswerFraming {
        switch head.framing {
        case .none: return .none
        case .length:
            // A stream may lose an event, or get one at its end: its length is not known.
            if case .stream = reading { return clientMinorVersion == 0 ? .untilClose : .chunked }
            return .asReceived
        case .chunked: return clientMinorVersion == 0 ? .untilClose : .asReceived
        case .untilClose: return clientMinorVersion == 0 ? .untilClose : .chunked
        }
    }

    /// Names whose fields in the received head do not pass: those that edits replace, and what
    /// the provider says of its own limits where ours apply.
    private func replacedNames(_ edits: [HeaderEdit], _ quota: Quota?) -> [[UInt8]] {
        let own = quota.map { QuotaFields.names($0) } ?? []
        return edits.isEmpty ? own : own + HeaderEdits.replaced(edits)
    }

    private var answerEdits: [HeaderEdit] {
        let ofRule = snapshot.rules[Int(rule)].responseEdits
        guard ruleTarget >= 0, case .forward(let targets) = snapshot.rules[Int(rule)].action,
            !targets[ruleTarget].responseEdits.isEmpty
        else { return ofRule }
        return targets[ruleTarget].responseEdits + ofRule
    }

    func appendConnection(clientMinorVersion: UInt8, to out: inout [UInt8]) {
        if !keepsAlive {
            out.append("connection: close\r\n")
        } else if clientMinorVersion == 0 {
            out.append("connection: keep-alive\r\n")
        }
    }
}
