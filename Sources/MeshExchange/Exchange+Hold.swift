// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// What is kept back of an answer until there is reason to trust it.
struct AnswerHold: Sendable {
    /// The head as the caller will get it, without the line that says how long the body is when
    /// `isOpen`.
    var head: [UInt8] = []
    /// The payload so far, of a document; of a stream, the events by which it begins.
    var body: [UInt8] = []
    /// The status of the answer.
    var status = 0
    /// Whether `head` lacks its framing and its end.
    var isOpen = false
    /// How the end would be marked if the answer passed as it came.
    var framing = AnswerFraming.none
    /// The length that the endpoint announced.
    var length: UInt64?

    /// Whether nothing is kept.
    var isEmpty: Bool { head.isEmpty }

    mutating func clear() {
        head.removeAll(keepingCapacity: true)
        if !body.isEmpty { body = [] }
        isOpen = false
    }
}

/// Answers are not passed on before they have shown that they are answers. As long as nothing
/// reached the caller, any endpoint may still answer in the place of one that fails.
extension Exchange {
    /// The bytes of the head that must be written, before what `answerBody` lets pass.
    package var heldHead: [UInt8] { hold.head }

    /// The driver has written `heldHead`.
    package mutating func headWritten() {
        isReleasing = false
        hold.clear()
    }

    /// Whether the answer in `reading` is kept back; `hold.isOpen` says how.
    mutating func holdsAnswer(_ head: borrowing ResponseHead, _ bytes: RawSpan) -> Hold {
        guard model >= 0, canReplay else { return .passes }
        switch reading {
        case .stream: return .keeps
        case .document:
            var verdict: AnswerVerdict?
            if let range = wholeDocument(head, bytes) {
                verdict = AnswerVerdict(status: head.status, document: bytes.extracting(range))
            }
            if let judged = tape?.judged(verdict) ?? verdict {
                return judged == .good ? .passes : .refuses(judged)
            }
            return .keeps
        case .nothing, .recorded: return .passes
        }
    }

    /// What becomes of an answer whose head was read.
    enum Hold {
        /// It passes as it comes.
        case passes
        /// It is kept back for now.
        case keeps
        /// All of it is at hand, and it is not an answer.
        case refuses(AnswerVerdict)
    }

    /// Where the whole document stands behind `head`, when it came with it.
    private func wholeDocument(
        _ head: borrowing ResponseHead, _ bytes: RawSpan
    ) -> Range<Int>? {
        guard case .length(let count) = head.framing, let length = Int(exactly: count),
            length <= bytes.byteCount - head.length
        else { return nil }
        return head.length..<head.length + length
    }

    /// Whether anything else could be asked if this answer fails.
    var hasAlternative: Bool {
        canReplay && (attemptsOnTarget < retry.attempts || nextFallback != nil)
    }

    /// More of an answer that is kept back.
    mutating func holdBody(
        _ payload: RawSpan, isLast: Bool, into output: inout [UInt8], at now: Instant
    ) -> BodyVerdict {
        switch reading {
        case .stream(let box):
            let before = output.count
            var verdict = box.relay.consume(payload, log: log, into: &output)
            guard box.relay.hasTold || hold.body.count > Limits.heldBytes else {
                // Comments alone are not worth an answer that may still come from elsewhere, and
                // neither is the word that one begins: that waits with the head.
                if box.relay.dataEvents > 0 { keepOpening(verdict, payload, output[before...]) }
                output.removeLast(output.count - before)
                return verdict == .broken ? .broken : .replaced
            }
            if !hold.body.isEmpty {
                if verdict == .unchanged {
                    output.append(payload)
                    verdict = .replaced
                }
                output.insert(contentsOf: hold.body, at: before)
                hold.body = []
            }
            firstTokenAt = now
            box.relay.stopsAtReports = log != nil
            release(at: now)
            return counted(verdict, payload, output.count - before)
        case .document(var meter):
            waitForAnswer(at: now)
            guard hold.body.count + payload.byteCount > Limits.heldBytes else {
                hold.body.append(payload)
                return .replaced
            }
            reading = .nothing
            meter.observe(unsafe hold.body.span.bytes, isLast: false)
            meter.observe(payload, isLast: isLast)
            reading = .document(meter)
            closeHead()
            release(at: now)
            let before = output.count
            output.append(contentsOf: hold.body)
            output.append(payload)
            hold.body = []
            record.bytesOut &+= UInt64(output.count - before)
            return .replaced
        case .nothing, .recorded: return .replaced
        }
    }

    /// Keeps what would have passed of `payload`, in the place of which `appended` would stand.
    private mutating func keepOpening(
        _ verdict: StreamRelay.Verdict, _ payload: RawSpan, _ appended: ArraySlice<UInt8>
    ) {
        if verdict == .unchanged {
            hold.body.append(payload)
        } else {
            hold.body.append(contentsOf: appended)
        }
    }

    /// Counts what passes of `payload`; `appended` bytes stand in its place where it is replaced.
    mutating func counted(
        _ verdict: StreamRelay.Verdict, _ payload: RawSpan, _ appended: Int
    ) -> BodyVerdict {
        switch verdict {
        case .unchanged:
            record.bytesOut &+= UInt64(payload.byteCount)
            return .unchanged
        case .replaced:
            record.bytesOut &+= UInt64(appended)
            return .replaced
        case .broken:
            record.bytesOut &+= UInt64(appended)
            return .broken
        }
    }

    /// From now on the answer passes as it comes.
    private mutating func release(at now: Instant) {
        released(at: now)
        record.bytesOut += UInt64(hold.head.count)
        isReleasing = true
    }

    /// The answer begins to pass; in a replay, it began here.
    mutating func released(at now: Instant) {
        guard phase == .holding else { return }
        noteProgress(.released, at: now)
        phase = .relaying
        answeredHead = true
        record.status = UInt16(hold.status)
        waitForAnswer(at: now)
        notedProgress()
    }

    /// Puts the framing that the endpoint chose behind a head that lacks it.
    private mutating func closeHead() {
        guard hold.isOpen else { return }
        hold.isOpen = false
        if hold.framing == .asReceived, let length = hold.length {
            HeadWriter.appendFraming(.length(length), to: &hold.head)
        } else if hold.framing != .untilClose {
            hold.head.append("transfer-encoding: chunked\r\n")
        }
        hold.head.append("\r\n")
    }

    /// An answer that was kept back has come to its end.
    mutating func endHeldAnswer(shard: inout Shard, at now: Instant) -> Step {
        var verdict = AnswerVerdict.malformed
        switch reading {
        case .document(var meter):
            verdict = AnswerVerdict(
                status: hold.status, document: unsafe hold.body.span.bytes)
            meter.observe(unsafe hold.body.span.bytes, isLast: true)
            reading = .document(meter)
        case .recorded(let summary):
            guard let held = summary.held else {
                return loseHeldAnswer(.answerTruncated, .reset, shard: &shard, at: now)
            }
            verdict = held.verdict
            var known = summary
            known.usage = held.usage
            reading = .recorded(known)
            hold.body = Array(repeating: 0, count: max(0, held.bytes))
        case .stream, .nothing:
            // A stream of which nothing came but its end.
            return loseHeldAnswer(.answerTruncated, .reset, shard: &shard, at: now)
        }
        guard verdict != .good else { return passHeldAnswer(shard: &shard, at: now) }
        return failed(verdict, status: hold.status, shard: &shard, at: now)
            ?? passHeldAnswer(shard: &shard, at: now)
    }

    /// Asks elsewhere after an answer that is none; nil when it is what the caller gets.
    mutating func failed(
        _ verdict: AnswerVerdict, status: Int, shard: inout Shard, at now: Instant
    ) -> Step? {
        let kind: ErrorClass
        var refusal: Refusal?
        switch verdict {
        case .good: return nil
        case .malformed:
            kind = .otherEndpoint
            refusal = failureRefusal(.upstreamMalformed)
        case .failed(let found):
            kind = isOwnFault(found, status: status) ? .never : found
            // A failure that was told as a success must not pass as one.
            if status < 400 { refusal = failureRefusal(.upstreamFailed) }
        }
        tape?.say(.forward, "status \(status): \(kind.rawValue)")
        let before = (pick, backend, modelTarget)
        if hasAlternative(for: kind) {
            let isServers = status >= 500 || status < 400
            endAttempt(
                isServers ? .failure : .success, isServers ? .protocolError : .success,
                shard: &shard, at: now)
            if var step = tryElsewhere(
                kind, status < 400 ? .invalidAnswer : .status, shard: &shard, at: now)
            {
                step.abandonsUpstream = true
                return step
            }
            (pick, backend, modelTarget) = before
        }
        guard let refusal else { return nil }
        endAttempt(.failure, .protocolError, shard: &shard, at: now)
        return refuse(refusal, shard: &shard, at: now)
    }

    /// An answer that was kept back broke off or is late: as if none had come.
    mutating func loseHeldAnswer(
        _ code: Refusal.Code, _ result: AttemptResult, shard: inout Shard, at now: Instant
    ) -> Step {
        var kind = ErrorClass.otherEndpoint
        var report: (status: Int, body: [UInt8])?
        if let found = reading.report {
            kind = found.kind
            report = (found.status, found.document)
        }
        endAttempt(.failure, result, shard: &shard, at: now)
        silence = result == .timeout ? code : nil
        let reason: RetryReason =
            result == .timeout ? .timeout : reading.fault == nil ? .reset : .invalidAnswer
        if var step = tryElsewhere(kind, reason, shard: &shard, at: now) {
            step.abandonsUpstream = true
            return step
        }
        hold.clear()
        if let report {
            // The server's own words, with a status that does not call them a success.
            record.refusal = Refusal.Code.upstreamFailed.name
            record.fault = .upstream
            return answer(
                report.status, type: "application/json", fields: [], body: report.body,
                shard: &shard, at: now)
        }
        var refusal = failureRefusal(reading.fault == nil ? code : .upstreamMalformed)
        if result == .timeout { refusal.status = 504 }
        return refuse(refusal, shard: &shard, at: now)
    }

    /// Passes an answer on that was kept back and is whole.
    private mutating func passHeldAnswer(shard: inout Shard, at now: Instant) -> Step {
        phase = .relaying
        answeredHead = true
        record.status = UInt16(hold.status)
        shard.output.removeAll(keepingCapacity: true)
        shard.output.append(contentsOf: hold.head)
        HeadWriter.appendFraming(.length(UInt64(hold.body.count)), to: &shard.output)
        shard.output.append("\r\n")
        shard.output.append(contentsOf: hold.body)
        watch?.take(unsafe hold.body.span.bytes)
        hold.clear()
        record.bytesOut += UInt64(shard.output.count)
        var step = Step()
        step.writes = true
        step.closesClient = !keepsAlive
        settleAttempt(shard: &shard, at: now)
        finish(&step, shard: &shard, at: now)
        return step
    }

    /// Whether an answer with this status is the fault of the caller, whose own credential the
    /// endpoint was shown.
    func isOwnFault(_ kind: ErrorClass, status: Int) -> Bool {
        guard kind == .otherTarget, backend >= 0, modelTarget >= 0 else { return false }
        let isAboutCredential = status == 401 || status == 402 || status == 403
        return isAboutCredential && snapshot.backends[Int(backend)].credential == nil
    }
}

extension Exchange.Reading {
    /// A failure that the server reported in the place of an event.
    struct Report {
        /// What it means.
        var kind: ErrorClass
        /// The status that it deserves.
        var status: Int
        /// The event's `type`, in the Responses API.
        var type: [UInt8]
        /// The data of the event.
        var body: [UInt8]
        /// The same as an answer in one piece.
        var document: [UInt8]
    }

    /// The failure that the server reported, if it did.
    var report: Report? {
        switch self {
        case .stream(let box):
            guard box.relay.fault == .reported else { return nil }
            let body = box.relay.report
            let span = unsafe body.span.bytes
            let status = (try? ErrorReport(span)).map { AnswerVerdict.status(of: $0) } ?? 502
            let (type, document) = ReportedFailure.parts(of: span)
            return Report(
                kind: ErrorClass(status: status, body: span), status: status, type: type,
                body: body, document: document)
        case .recorded(let summary):
            guard let found = summary.stream?.report else { return nil }
            func filler(_ count: Int) -> [UInt8] { Array(repeating: 0, count: max(0, count)) }
            return Report(
                kind: found.kind, status: found.status, type: filler(found.typeBytes ?? 0),
                body: filler(found.bytes), document: filler(found.documentBytes ?? found.bytes))
        case .nothing, .document: return nil
        }
    }

    /// Why a stream must not go on.
    var fault: StreamRelay.Fault? {
        switch self {
        case .stream(let box): box.relay.fault
        case .recorded(let summary):
            summary.stream?.fault.flatMap { StreamRelay.Fault(rawValue: $0) }
        case .nothing, .document: nil
        }
    }
}
