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
        if !answeredHead { record.firstByte = now - record.started }
        tape?.say(
            .forward,
            "status \(head.status) after \((now - attemptStarted).milliseconds)")
        if let pick { shard.fleet.firstByte(pick.slot, after: now - attemptStarted, at: now) }
        if turnstile != nil, head.status == 429 || head.status == 503 {
            noteAnswer(head.status, shard: &shard, at: now)
        }
        let limit = heedRateLimit(head, bytes, shard: &shard, at: now)
        if answeredHead { return resumeAnswer(head, bytes, shard: &shard, at: now) }
        // That of an answer that was left.
        reading = .nothing
        if let step = retryStatus(head, bytes, limit, shard: &shard, at: now) { return step }
        if isForeign(head, bytes),
            let step = failed(.malformed, status: head.status, shard: &shard, at: now)
        {
            return step
        }
        choosesReading(head, bytes)
        if turnstile != nil { noteAnswer(head.status, shard: &shard, at: now) }
        var step = Step()
        step.relaysBody = true
        switch holdsAnswer(head, bytes) {
        case .refuses(let verdict):
            if let step = failed(verdict, status: head.status, shard: &shard, at: now) {
                return step
            }
        case .keeps:
            phase = .holding
            keepHead(
                head, bytes, clientMinorVersion: clientMinorVersion, shard: &shard, at: now)
            return step
        case .passes: break
        }
        phase = .relaying
        answeredHead = true
        record.status = UInt16(head.status)
        if race != nil {
            settleRace(shard: &shard, at: now)
            step.leavesRival = true
        }
        hedgeAt = .distantFuture
        waitForAnswer(at: now)
        step.writes = true
        writeAnswerHead(
            head, bytes, clientMinorVersion: clientMinorVersion, isOpen: false, shard: &shard,
            at: now)
        record.bytesOut += UInt64(shard.output.count)
        return step
    }

    /// Keeps the head back as the caller may get it. A stream must then show its first event
    /// within the time for the first byte; a document goes on as any body.
    private mutating func keepHead(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, clientMinorVersion: UInt8,
        shard: inout Shard, at now: Instant
    ) {
        var isOpen = false
        if case .document = reading { isOpen = true }
        if isOpen { waitForAnswer(at: now) }
        writeAnswerHead(
            head, bytes, clientMinorVersion: clientMinorVersion, isOpen: isOpen, shard: &shard,
            at: now)
        hold.clear()
        hold.head.append(contentsOf: shard.output)
        hold.status = head.status
        hold.isOpen = isOpen
        hold.framing = answerFraming(head, clientMinorVersion: clientMinorVersion)
        hold.length = nil
        if case .length(let count) = head.framing { hold.length = count }
    }

    /// A piece of the answer's body came.
    ///
    /// **Shape** `payload` is without transfer coding; what to forward instead, if anything, is
    /// appended to `output`.
    package mutating func answerBody(
        _ payload: RawSpan, isLast: Bool, into output: inout [UInt8], at now: Instant
    ) -> BodyVerdict {
        tape?.lastPiece = now
        guard let watch else {
            return passBody(payload, isLast: isLast, into: &output, at: now)
        }
        let before = output.count
        let verdict = passBody(payload, isLast: isLast, into: &output, at: now)
        switch verdict {
        case .unchanged: watch.take(payload)
        case .replaced, .broken:
            watch.take(unsafe output.span.bytes.extracting(before..<output.count))
        }
        return verdict
    }

    private mutating func passBody(
        _ payload: RawSpan, isLast: Bool, into output: inout [UInt8], at now: Instant
    ) -> BodyVerdict {
        if phase == .holding { return holdBody(payload, isLast: isLast, into: &output, at: now) }
        waitForAnswer(at: now)
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
        case .stream(let box):
            let before = output.count
            let verdict = box.relay.consume(payload, log: log, into: &output)
            if firstTokenAt == nil, box.relay.dataEvents > 0 { firstTokenAt = now }
            return counted(verdict, payload, output.count - before)
        }
    }

    /// The answer's body ended as its framing says.
    package mutating func answerEnded(shard: inout Shard, at now: Instant) -> Step {
        guard phase == .relaying || phase == .holding else { return Step() }
        note(.answerEnded, shard, at: now)
        let step =
            phase == .holding
            ? endHeldAnswer(shard: &shard, at: now) : endAnswer(shard: &shard, at: now)
        return noted(step, &shard)
    }

    private mutating func endAnswer(shard: inout Shard, at now: Instant) -> Step {
        shard.output.removeAll(keepingCapacity: true)
        var isComplete = true
        switch reading {
        case .nothing, .document: break
        case .stream(let box):
            appendEnd(of: &box.relay, log: log, to: &shard.output)
            isComplete = box.relay.isComplete
        case .recorded(let summary):
            guard let stream = summary.stream else { break }
            shard.output.append(contentsOf: repeatElement(0, count: max(0, stream.heldBytes)))
            isComplete = stream.isComplete
        }
        if !isComplete {
            return loseAnswer(Refusal(.streamTruncated), .reset, shard: &shard, at: now)
        }
        watch?.take(unsafe shard.output.span.bytes)
        record.bytesOut &+= UInt64(shard.output.count)
        var step = Step()
        step.writesBody = !shard.output.isEmpty
        step.endsAnswer = true
        step.closesClient = !keepsAlive
        settleAttempt(shard: &shard, at: now)
        finish(&step, shard: &shard, at: now)
        return step
    }

    /// What a stream still has to give out at its end, and the last event where the server left
    /// it out.
    func appendEnd(of relay: inout StreamRelay, log: ResumeLog?, to out: inout [UInt8]) {
        relay.finish(log: log, into: &out)
        let saysDone = operation == .chat || operation == .textCompletion
        if saysDone, relay.isComplete, !relay.sawDone, !relay.sawReport {
            out.append("data: [DONE]\n\n")
        }
    }

    /// The attempt whose answer the caller got is over.
    mutating func settleAttempt(shard: inout Shard, at now: Instant) {
        let isFailure = record.status >= 500 || reading.sawReport || isCallFailed
        if !isFailure, record.status < 400 { observeWait(shard: &shard, at: now) }
        endAttempt(
            isFailure ? .failure : Self.outcome(ofStatus: Int(record.status)),
            isFailure ? .serverError : .success, shard: &shard, at: now)
    }

    /// The answer's body stopped before its framing says it ends, or is not what it must be.
    package mutating func answerBroke(shard: inout Shard, at now: Instant) -> Step {
        guard phase == .relaying || phase == .holding else { return Step() }
        note(.answerBroke, shard, at: now)
        if phase == .holding {
            let step = loseHeldAnswer(.answerTruncated, .reset, shard: &shard, at: now)
            return noted(step, &shard)
        }
        if reading.isTerminated || operation != .responses && reading.isComplete {
            // All that the caller waits for was said; only the framing's end is missing.
            var step = endAnswer(shard: &shard, at: now)
            step.abandonsUpstream = true
            return noted(step, &shard)
        }
        let step: Step =
            switch reading.fault {
            case .malformed, .tooLarge:
                loseAnswer(Refusal(.streamMalformed), .protocolError, shard: &shard, at: now)
            case .reported:
                loseAnswer(Refusal(.upstreamFailed), .serverError, shard: &shard, at: now)
            case .diverged, .unfinished, nil:
                loseAnswer(Refusal(.streamTruncated), .reset, shard: &shard, at: now)
            }
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
            appendErrorEvent(refusal, to: &shard.output)
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

    /// The event that tells the caller of a stream why it is not whole: the server's own, where it
    /// reported a failure, else one of ours.
    private func appendErrorEvent(_ refusal: Refusal, to out: inout [UInt8]) {
        if operation == .responses {
            // Behind another server's events its own would have a foreign name and number.
            if let report = reading.report, log?.method == nil {
                out.append("event: ")
                out.append(contentsOf: report.type)
                out.append("\ndata: ")
                out.append(contentsOf: report.body)
            } else {
                out.append("event: error\ndata: ")
                appendError(refusal, in: .openAI, event: reading.nextNumber(log), to: &out)
            }
        } else if let report = reading.report {
            out.append("data: ")
            out.append(contentsOf: report.body)
        } else {
            out.append("data: ")
            appendError(refusal, in: .openAI, to: &out)
        }
        out.append("\n\n")
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

    /// Asks again or elsewhere after a status that is no success; nil when the answer passes, or
    /// its body must be read first.
    private mutating func retryStatus(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, _ limit: Heeded?,
        shard: inout Shard, at now: Instant
    ) -> Step? {
        let status = effectiveStatus(head, bytes)
        guard status >= 400, canReplay else { return nil }
        let listed = retry.statuses.contains(status)
        let kind = kind(ofStatus: status, head, bytes)
        guard listed || kind != .never else { return nil }
        // What one endpoint does not take now, another may.
        let isOtherFree = limit?.leavesOthers == true && status == 429
        let isElsewhere =
            kind == .otherEndpoint && status != 429 && !retry.statuses.isEmpty && retry.onReset
        let allowed = listed || isOtherFree || isElsewhere
        let before = (pick, backend, modelTarget)
        guard
            (allowed || kind == .sameEndpoint) && attemptsOnTarget < retry.attempts
                || nextFallback != nil || race != nil
        else { return refuseCooling(status, limit, shard: &shard, at: now) }
        endAttempt(
            Self.outcome(ofStatus: status), status >= 500 ? .serverError : .success,
            shard: &shard, at: now)
        let next =
            kind == .sameEndpoint && !listed
            ? tryElsewhere(kind, .status, shard: &shard, at: now)
            : tryAgain(
                allowed: allowed, .status, retryAfter: isOtherFree ? nil : limit?.wait,
                shard: &shard, at: now)
        if var step = next {
            // When the next try found no endpoint it has refused already; that is its answer.
            step.abandonsUpstream = true
            return step
        }
        // Nothing else to try: this answer is what the caller gets.
        (pick, backend, modelTarget) = before
        return refuseCooling(status, limit, shard: &shard, at: now)
    }

    /// What an answer with `status` says of its endpoint: one that takes nothing for now says
    /// nothing.
    static func outcome(ofStatus status: Int) -> Outcome {
        status >= 500 ? .failure : status == 429 ? .cancelled : .success
    }

    /// What an answer of a model server with `status` means, where its body has no say in that.
    private func kind(
        ofStatus status: Int, _ head: borrowing ResponseHead, _ bytes: RawSpan
    ) -> ErrorClass {
        guard model >= 0 else { return .never }
        if ErrorClass.dependsOnBody(status), operation.hasUsage,
            head.first(.contentEncoding) == nil, let type = head.first(.contentType),
            Self.isType(bytes.extracting(type.valueRange.range), "application/json")
        {
            return .never
        }
        let kind = ErrorClass(status: status, body: nil)
        return isOwnFault(kind, status: status) ? .never : kind
    }

    /// Whether an answer cannot be one to the request, whatever its body says: a redirect, a page,
    /// a document in the place of a stream or a stream in the place of a document.
    private func isForeign(_ head: borrowing ResponseHead, _ bytes: RawSpan) -> Bool {
        guard model >= 0, operation.hasUsage, method == .post, head.status < 400 else {
            return false
        }
        guard head.status < 300 else { return true }
        guard let type = head.first(.contentType) else { return false }
        let wantsStream = facts?.stream == true && operation.streams
        let value = bytes.extracting(type.valueRange.range)
        if Self.isType(value, "text/event-stream") { return !wantsStream }
        return wantsStream || !Self.isType(value, "application/json")
    }

    /// Whether an answer is a stream of events that can be read.
    func isStream(_ head: borrowing ResponseHead, _ bytes: RawSpan) -> Bool {
        guard head.first(.contentEncoding) == nil, let type = head.first(.contentType) else {
            return false
        }
        return Self.isType(bytes.extracting(type.valueRange.range), "text/event-stream")
    }

    private mutating func choosesReading(_ head: borrowing ResponseHead, _ bytes: RawSpan) {
        guard model >= 0, head.first(.contentEncoding) == nil,
            let type = head.first(.contentType), method != .head
        else { return }
        if head.status < 300, isStream(head, bytes) {
            record.flags.insert(.stream)
            keepLog()
            reading = .stream(RelayBox(makeRelay()))
            return
        }
        let isRead = head.status < 300 || ErrorClass.dependsOnBody(head.status)
        if isRead, operation.hasUsage,
            Self.isType(bytes.extracting(type.valueRange.range), "application/json")
        {
            reading = .document(AnswerMeter())
        }
    }

    /// A relay for the stream that begins.
    func makeRelay() -> StreamRelay {
        var relay = StreamRelay(
            eventBytesMax: snapshot.limits.eventBytesMax, stripsUsage: asksForUsage,
            endsByType: operation == .responses,
            choices: answersAsked)
        relay.stopsAtReports = canReplay
        relay.needsReason = log != nil
        return relay
    }

    /// Whether a Content-Type begins with `type`, which is in lower case; types have no case.
    private static func isType(_ value: RawSpan, _ type: StaticString) -> Bool {
        value.extracting(first: type.utf8CodeUnitCount).equalsIgnoringCase(type)
    }

    private mutating func writeAnswerHead(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, clientMinorVersion: UInt8,
        isOpen: Bool, shard: inout Shard, at now: Instant
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
        if framing == .chunked || framing == .untilClose || head.status == 204 || isOpen {
            dropped.insert(FieldSet(.contentLength))
        }
        HeadWriter.appendEndToEndFields(
            of: head.fields, bytes: bytes, dropping: dropped,
            also: replacedNames(edits, quota), to: &shard.output)
        if !edits.isEmpty {
            HeaderEdits.append(edits, fields: head.fields, bytes: bytes, to: &shard.output)
        }
        if let quota { QuotaFields.append(quota, to: &shard.output) }
        if head.status == 429, soonest != .distantFuture, head.first(.retryAfter) == nil {
            shard.output.append("retry-after: ")
            shard.output.appendDecimal(Int((soonest - now).wholeSeconds))
            shard.output.append("\r\n")
        }
        appendRequestID(to: &shard.output)
        if isAI { appendPath(to: &shard.output) }
        if isOpen {
            appendConnection(clientMinorVersion: clientMinorVersion, to: &shard.output)
            return
        }
        if framing == .chunked || (framing == .asReceived && head.framing == .chunked) {
            shard.output.append("transfer-encoding: chunked\r\n")
        }
        appendConnection(clientMinorVersion: clientMinorVersion, to: &shard.output)
        shard.output.append("\r\n")
    }

    /// Who answers, where that is not the one that was asked first.
    private func appendPath(to out: inout [UInt8]) {
        guard record.attempts > 1 || modelTarget < 0, backend >= 0 else { return }
        out.append("x-pinion-attempts: ")
        out.appendDecimal(Int(record.attempts))
        out.append("\r\nx-pinion-backend: ")
        out.append(snapshot.backends[Int(backend)].name)
        if let name = upstreamModel, !name.contains(where: { $0 < 0x20 || $0 > 0x7E }) {
            out.append("\r\nx-pinion-model: ")
            out.append(contentsOf: name)
        }
        out.append("\r\n")
    }

    /// How the answer's end is marked towards a caller of HTTP/1.`clientMinorVersion`.
    package func answerFraming(
        _ head: borrowing ResponseHead, clientMinorVersion: UInt8
    ) -> AnswerFraming {
        // What goes on with an answer is framed as that was, by us.
        if log?.method != nil { return clientMinorVersion == 0 ? .untilClose : .chunked }
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

    /// What engines and the route change of the head, in this order.
    private var answerEdits: [HeaderEdit] {
        guard let ofEngines = accessNotes?.answerEdits, !ofEngines.isEmpty else {
            return ownAnswerEdits
        }
        return ofEngines + ownAnswerEdits
    }

    private var ownAnswerEdits: [HeaderEdit] {
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
