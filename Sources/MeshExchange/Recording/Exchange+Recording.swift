// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// How an exchange writes down what it is told and what it decides.
///
/// Each method that a driver calls notes its event first and its outcome last; what such methods
/// call of each other is part of the first one's event. Without a tape all of this is one look at
/// a nil.
extension Exchange {
    /// Puts a tape in when the recorder wants this exchange, or when it is replayed.
    mutating func startTape(
        _ kind: RecordedEvent.Kind, drawn: UInt64, port: Int, shard: inout Shard,
        at now: Instant
    ) {
        if tape == nil {
            guard shard.recorder.takes(at: now) else { return }
            var id: [UInt8] = []
            record.requestID.append(to: &id)
            var recording = ExchangeRecording(
                id: String(decoding: id, as: UTF8.self), startedNanoseconds: now.nanoseconds,
                wallOffset: shard.wallOffset, snapshot: snapshot.version)
            recording.missingCredentials = shard.missingCredentials
            recording.source = String(decoding: peer, as: UTF8.self)
            recording.loops = shard.ledger.loops
            tape = Tape(recording, isReplay: false)
        }
        guard let tape else { return }
        let flags = eventFlags(
            isDraining: shard.isDraining, losesReceipts: !shard.keepsReceipts, shard.pressure)
        tape.keep(port: snapshot.place(ofPort: port))
        tape.begin {
            var event = RecordedEvent(kind, after: 0, flags: flags)
            event.random = RecordedEvent.text(drawn)
            return event
        }
    }

    /// Keeps the request's head on the tape.
    mutating func keepHead(_ head: borrowing RequestHead, _ bytes: RawSpan) {
        guard let tape else { return }
        let (text, hidden) = HeadRedaction.redacted(head, bytes)
        tape.keep(
            head: text, hidden: hidden,
            callerID: callerRequestID.map { String(decoding: $0, as: UTF8.self) })
        tape.say(.identify, "from \(tape.recording.source)")
        if let callerRequestID {
            let id = String(decoding: callerRequestID, as: UTF8.self)
            tape.say(.identify, "the caller's own request id \(id) is kept")
        }
        tape.say(
            .identify,
            hidden.isEmpty
                ? "no credential was sent"
                : "credentials were sent in \(hidden.joined(separator: ", "))")
    }

    /// An event begins that may draw, look at the shard, and end the exchange.
    mutating func note(
        _ kind: RecordedEvent.Kind, _ shard: borrowing Shard, at now: Instant
    ) {
        guard let tape else { return }
        let flags = eventFlags(
            isDraining: shard.isDraining, losesReceipts: !shard.keepsReceipts, shard.pressure)
        let isOther = shard.snapshot.version != snapshot.version
        let summary = answerSummaryIfAny(tape)
        let (version, drawn) = (shard.snapshot.version, shard.random.state)
        let after = elapsed(at: now)
        let number = lane == 0 ? nil : lane
        tape.begin {
            var event = RecordedEvent(kind, after: after, flags: flags)
            event.lane = number
            event.random = RecordedEvent.text(drawn)
            event.snapshot = isOther ? version : nil
            event.answer = summary
            return event
        }
    }

    /// An event that only moves a deadline or a count; it has no outcome of its own.
    mutating func noteProgress(
        _ kind: RecordedEvent.Kind, bytes: Int? = nil, at now: Instant
    ) {
        guard let tape else { return }
        let summary = answerSummaryIfAny(tape)
        let (flags, after) = (eventFlags(isDraining: false), elapsed(at: now))
        let number = lane == 0 ? nil : lane
        tape.begin {
            var event = RecordedEvent(kind, after: after, flags: flags)
            event.lane = number
            event.bytes = bytes
            event.answer = summary
            return event
        }
    }

    private func answerSummaryIfAny(_ tape: Tape) -> AnswerSummary? {
        guard phase == .relaying || phase == .holding else { return nil }
        return answerSummary(lastPiece: tape.lastPiece)
    }

    /// The event that was noted last has this outcome; when the exchange has ended, its recording
    /// goes to the recorder.
    @inline(__always)
    mutating func noted(_ step: Step, _ shard: inout Shard) -> Step {
        if tape != nil { keepOutcome(step, &shard) }
        return step
    }

    private mutating func keepOutcome(_ step: Step, _ shard: inout Shard) {
        guard let tape else { return }
        let outcome = RecordedOutcome(step, self)
        tape.end(outcome)
        guard tape.isEnded else { return }
        let recording = tape.finished(line: accessLine(of: tape.recording.head))
        if !tape.isReplay {
            shard.recorder.keep(recording)
            self.tape = nil
        }
    }

    /// Ends an event without an outcome.
    mutating func notedProgress() {
        guard let tape else { return }
        var outcome = RecordedOutcome()
        outcome.phase = phase.rawValue
        tape.end(outcome)
    }

    /// The access line as the log has it, but for the caller's address, which no decision knows.
    private func accessLine(of text: String) -> String {
        let bytes = Latin1.bytes(text)
        let span = unsafe bytes.span.bytes
        var head = RequestHead()
        let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: .max)
        let isWhole = (try? head.parse(span, limits: limits)) ?? false
        let none = ByteRange.empty
        var line: [UInt8] = []
        var writer = AccessLogWriter()
        let id = callerRequestID ?? []
        writer.append(
            record, method: span.extracting((isWhole ? head.methodRange : none).range),
            host: span.extracting((isWhole ? head.hostRange : none).range),
            path: span.extracting((isWhole ? head.pathRange : none).range),
            query: span.extracting(none.range), client: span.extracting(none.range),
            userAgent: span.extracting(none.range), requestID: unsafe id.span.bytes, to: &line)
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }

    private func elapsed(at now: Instant) -> UInt64 {
        now.nanoseconds &- record.started.nanoseconds
    }

    private func eventFlags(
        isDraining: Bool, losesReceipts: Bool = false, _ pressure: Pressure = .none
    ) -> EventFlags {
        var flags: EventFlags = []
        if pressure >= .sheds { flags.insert(.sheds) }
        if pressure >= .refuses { flags.insert(.refuses) }
        if isDraining { flags.insert(.draining) }
        if losesReceipts { flags.insert(.losesReceipts) }
        if keepsAlive { flags.insert(.keepsAlive) }
        if isPaused { flags.insert(.paused) }
        if canReplay { flags.insert(.canReplay) }
        return flags
    }
}

extension RecordedEvent {
    /// 64 bits as text: JSON numbers of that size do not survive every reader.
    static func text(_ bits: UInt64) -> String { String(bits, radix: 16) }

    /// The generator's state before the event, or nil.
    var randomState: UInt64? { random.flatMap { UInt64($0, radix: 16) } }
}
