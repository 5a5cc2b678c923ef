// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshLimits
import MeshRouting
package import MeshSnapshot
import MeshWire

/// Decides a recorded exchange again, by the same code.
///
/// With the snapshot that it ran under, every outcome and the access line must come out to the
/// bit; a difference is a bug, or another version of the mesh. With another snapshot, what comes
/// out up to the first order to an endpoint, or the refusal, is what that configuration would
/// have done.
package struct Replay: Sendable {
    /// What was decided this time, with what was looked at.
    package var recording: ExchangeRecording
    /// The first difference in words, or nil when all is equal.
    package var difference: String?
    /// What was decided this time, up to where it was run.
    package var decision: Decision

    /// Runs `recording` under the snapshot that `snapshots` gives for its version.
    ///
    /// **Errors** says why it cannot be run.
    package static func run(
        _ recording: ExchangeRecording, snapshots: (UInt64) -> Snapshot?
    ) throws(ReplayFailure) -> Replay {
        if let gap = recording.gap {
            throw ReplayFailure("it was not recorded whole: \(gap.rawValue)")
        }
        guard let snapshot = snapshots(recording.snapshot) else {
            throw ReplayFailure(
                "the recording lacks the configuration of snapshot \(recording.snapshot)")
        }
        var stage = try Stage(recording, under: snapshot)
        for event in recording.events {
            if let version = event.snapshot, version != stage.shard.snapshot.version {
                guard let next = snapshots(version) else {
                    throw ReplayFailure(
                        "the recording lacks the configuration of snapshot \(version)")
                }
                stage.adopt(next, at: event, of: recording)
            }
            try stage.perform(event)
        }
        let again = stage.tape.recording
        return Replay(
            recording: again, difference: recording.firstDifference(from: again),
            decision: Decision(stage.exchange, usage: recording.usage))
    }

    /// What `snapshot` would make of the request of `recording`: up to the first endpoint, or the
    /// refusal.
    package static func decide(
        _ recording: ExchangeRecording, under snapshot: Snapshot
    ) throws(ReplayFailure) -> Replay {
        var stage = try Stage(recording, under: snapshot)
        for event in recording.events {
            switch event.kind {
            case .begin, .unread, .body, .bodyFailed, .bodyProgressed, .keysSettled: break
            case .engine: continue
            case .requestCompleted, .requestProgressed, .sent, .attemptFailed, .timer,
                .clientGone, .cutOff, .answerHead, .answerTrailers, .answerEnded, .answerBroke,
                .paused, .released, .turnstileOpened:
                return Replay(
                    recording: stage.tape.recording,
                    decision: Decision(stage.exchange, usage: recording.usage))
            }
            try stage.perform(event)
            try stage.answerQuestions()
            if stage.tape.readsHidden {
                throw ReplayFailure(
                    "it asks for a credential, or an access rule reads a value, that was blotted "
                        + "out")
            }
            let outcome = stage.tape.recording.events.last?.outcome
            if outcome?.endpoint != nil || outcome?.isDone == true { break }
            if outcome?.collectsBody == true, !recording.hasBody {
                // It went on without reading the body then; what the body said is not known.
                throw ReplayFailure("this configuration reads the body, which was not read then")
            }
        }
        return Replay(
            recording: stage.tape.recording,
            decision: Decision(stage.exchange, usage: recording.usage))
    }
}

/// Why a recording cannot be run.
package struct ReplayFailure: Error, Hashable, Sendable {
    /// What is the matter.
    package var reason: String

    init(_ reason: String) { self.reason = reason }
}

/// A shard and an exchange of their own, on which a recording is played.
private struct Stage: ~Copyable {
    var shard: Shard
    var exchange = Exchange()
    let tape: Tape
    let recording: ExchangeRecording
    var head = RequestHead()
    var headBytes: [UInt8]
    /// The body as it was read, as far as it is known, once it was.
    var body: [UInt8]?
    let port: Int

    init(_ recording: ExchangeRecording, under snapshot: Snapshot) throws(ReplayFailure) {
        shard = Shard(seed: 0, wallOffset: recording.wallOffset, loops: recording.loops)
        self.recording = recording
        headBytes = Latin1.bytes(recording.head)
        let number = recording.port.split(separator: ":").last.flatMap { UInt16($0) }
        port =
            snapshot.ports.indices.first { snapshot.place(ofPort: $0) == recording.port }
            ?? snapshot.ports.firstIndex { $0.number == number } ?? -1
        var blank = ExchangeRecording(
            id: recording.id, startedNanoseconds: recording.startedNanoseconds,
            wallOffset: recording.wallOffset, snapshot: recording.snapshot)
        blank.missingCredentials = recording.missingCredentials
        blank.ringHash = recording.ringHash
        blank.source = recording.source
        blank.loops = recording.loops
        tape = Tape(blank, isReplay: true)
        exchange.tape = tape
        exchange.peer = Array(recording.source.utf8)
        exchange.secured = recording.connection.map { SecuredConnection($0) }
        adopt(snapshot, at: recording.started)
        guard !headBytes.isEmpty else { return }
        // The head was taken once already, by the limits of then.
        let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: .max)
        var parsed = RequestHead()
        let bytes = headBytes
        let isWhole = (try? parsed.parse(unsafe bytes.span.bytes, limits: limits)) ?? false
        head = parsed
        guard isWhole else { throw ReplayFailure("its request head cannot be read again") }
    }

    mutating func adopt(_ next: Snapshot, at event: RecordedEvent, of recording: ExchangeRecording)
    {
        adopt(next, at: recording.started + Nanoseconds(Int64(clamping: event.after)))
    }

    /// Credentials are known by whether there was one; their values are never looked at.
    private mutating func adopt(_ next: Snapshot, at now: Instant) {
        let missing = recording.missingCredentials
        let credentials: [Secret<[UInt8]>?] = next.backends.map { backend in
            backend.credential == nil || missing.contains(backend.name) ? nil : Secret([])
        }
        shard.adopt(next, credentials: credentials, at: now)
    }

    mutating func perform(_ event: RecordedEvent) throws(ReplayFailure) {
        let now = recording.started + Nanoseconds(Int64(clamping: event.after))
        tape.follow(event)
        if let state = event.randomState { shard.random.state = state }
        shard.isDraining = event.flags.contains(.draining)
        shard.pressure =
            event.flags.contains(.refuses)
            ? .refuses : event.flags.contains(.sheds) ? .sheds : .none
        shard.keepsReceipts = !event.flags.contains(.losesReceipts)
        if event.kind != .begin, event.kind != .unread {
            exchange.keepsAlive = event.flags.contains(.keepsAlive)
            exchange.isPaused = event.flags.contains(.paused)
            exchange.canReplay = event.flags.contains(.canReplay)
            exchange.enter(lane: event.lane ?? 0)
            if let summary = event.answer { exchange.install(summary) }
        }
        switch event.kind {
        case .begin:
            let (head, bytes) = (head, headBytes)
            _ = exchange.begin(
                head, unsafe bytes.span.bytes, port: port, shard: &shard, at: now)
        case .unread:
            _ = exchange.refuseUnread(try refusal(of: event), shard: &shard, at: now)
        case .body: try performBody(event, at: now)
        case .bodyFailed:
            _ = exchange.bodyFailed(try refusal(of: event), shard: &shard, at: now)
        case .engine:
            guard let outcome = event.engine?.outcome else {
                throw ReplayFailure("it names an engine's answer that this version does not know")
            }
            hear(outcome, at: now)
        case .bodyProgressed: exchange.bodyProgressed(at: now)
        case .requestCompleted: exchange.requestCompleted(bytes: event.bytes ?? 0, at: now)
        case .requestProgressed: exchange.requestProgressed(bytes: event.bytes ?? 0, at: now)
        case .sent: exchange.requestSent(at: now)
        case .attemptFailed:
            guard let failure = event.text.flatMap({ AttemptFailure(label: $0) }) else {
                throw ReplayFailure("it names a failure that this version does not know")
            }
            _ = exchange.attemptFailed(failure, shard: &shard, at: now)
        case .timer: _ = exchange.timerFired(shard: &shard, at: now)
        case .clientGone: _ = exchange.clientGone(shard: &shard, at: now)
        case .cutOff: _ = exchange.cutOff(shard: &shard, at: now)
        case .answerHead: try performAnswerHead(event, at: now)
        case .answerTrailers: exchange.answerTrailers(status: event.bytes, at: now)
        case .answerEnded: _ = exchange.answerEnded(shard: &shard, at: now)
        case .answerBroke: _ = exchange.answerBroke(shard: &shard, at: now)
        case .paused: exchange.answerPaused(at: now)
        case .released:
            exchange.released(at: now)
            if exchange.isRaceDecided { exchange.settleRace(shard: &shard, at: now) }
        case .turnstileOpened:
            guard let end = event.text.flatMap(QueueEnd.init) else {
                throw ReplayFailure("it names an end of a wait that this version does not know")
            }
            let (head, headBytes, body) = (head, headBytes, body)
            let payload = body ?? []
            _ = exchange.turnstileOpened(
                end, head, unsafe headBytes.span.bytes,
                body: body == nil ? nil : unsafe payload.span.bytes, shard: &shard, at: now)
        case .keysSettled:
            let (head, headBytes, body) = (head, headBytes, body)
            let payload = body ?? []
            _ = exchange.keysSettled(
                head, unsafe headBytes.span.bytes,
                body: body == nil ? nil : unsafe payload.span.bytes, shard: &shard, at: now)
        }
    }

    private mutating func performBody(
        _ event: RecordedEvent, at now: Instant
    ) throws(ReplayFailure) {
        guard let body = event.body else { throw ReplayFailure("it lacks what its body said") }
        if let fault = body.fault {
            guard let refusal = fault.refusal else {
                throw ReplayFailure("it names a refusal that this version does not know")
            }
            _ = exchange.bodyRejected(refusal, body: body, shard: &shard, at: now)
            return
        }
        let (head, headBytes, bytes) = (head, headBytes, body.bytes)
        self.body = bytes
        _ = exchange.bodyCollected(
            unsafe bytes.span.bytes, head, unsafe headBytes.span.bytes, shard: &shard, at: now)
    }

    private mutating func hear(_ outcome: EngineOutcome, at now: Instant) {
        let (head, headBytes, body) = (head, headBytes, body)
        let payload = body ?? []
        _ = exchange.engineAnswered(
            outcome, head, unsafe headBytes.span.bytes,
            body: body == nil ? nil : unsafe payload.span.bytes, shard: &shard, at: now)
    }

    /// Under another configuration: lets the engines that are asked say what they said then.
    ///
    /// **Errors** for an engine that was not asked then.
    mutating func answerQuestions() throws(ReplayFailure) {
        while exchange.phase == .asking, let name = exchange.askedEngine {
            let said = recording.events.lazy
                .flatMap { ($0.engine.map { [$0] } ?? []) + ($0.keptAnswers ?? []) }
                .first { $0.engine == name }
            guard let outcome = said?.outcome else {
                throw ReplayFailure(
                    "engine \(name) would be asked, and what it says is not known")
            }
            hear(outcome, at: recording.started)
        }
    }

    private mutating func performAnswerHead(
        _ event: RecordedEvent, at now: Instant
    ) throws(ReplayFailure) {
        let bytes = Latin1.bytes(event.text ?? "")
        let span = unsafe bytes.span.bytes
        var answer = ResponseHead()
        let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: .max)
        let isWhole =
            (try? answer.parse(span, requestMethod: head.method, limits: limits)) ?? false
        guard isWhole else { throw ReplayFailure("an answer's head cannot be read again") }
        _ = exchange.answerHead(
            answer, span, clientMinorVersion: UInt8(truncatingIfNeeded: head.minorVersion),
            shard: &shard, at: now)
    }

    private func refusal(of event: RecordedEvent) throws(ReplayFailure) -> Refusal {
        guard let refusal = event.refusal?.refusal else {
            throw ReplayFailure("it names a refusal that this version does not know")
        }
        return refusal
    }
}

extension ExchangeRecording {
    /// The tokens that the answer said it cost, or nil.
    var usage: TokenUsage? {
        for event in events.reversed() {
            if let tokens = event.answer?.tokens { return tokens }
        }
        return nil
    }

    /// Whether the request's body was read.
    var hasBody: Bool { events.contains { $0.kind == .body } }

    /// The stable code of the refusal in the access line, or nil.
    package var refusalCode: String? { value(of: "error_code") }

    /// A text of the access line, or nil.
    package func value(of name: String) -> String? {
        let marker = Array("\"\(name)\":\"".utf8)
        let bytes = Array(line.utf8)
        guard bytes.count > marker.count else { return nil }
        for start in 0...(bytes.count - marker.count)
        where bytes[start..<(start + marker.count)].elementsEqual(marker) {
            let rest = bytes[(start + marker.count)...]
            return String(decoding: rest.prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
        }
        return nil
    }

    /// Where `other` decided otherwise, in words; nil when it did not.
    func firstDifference(from other: ExchangeRecording) -> String? {
        for (number, event) in events.enumerated() {
            guard number < other.events.count else {
                return "event \(number + 1) (\(event.kind.rawValue)) did not come again"
            }
            let again = other.events[number]
            if event.outcome != again.outcome {
                return "event \(number + 1) (\(event.kind.rawValue)): then \(event.outcome.text), "
                    + "now \(again.outcome.text)"
            }
            if event.pools.map(\.picked) != again.pools.map(\.picked) {
                return "event \(number + 1) (\(event.kind.rawValue)): another endpoint was picked"
            }
        }
        if other.events.count > events.count { return "more happened than was recorded" }
        if line != other.line { return "the access line: then \(line), now \(other.line)" }
        return nil
    }
}

extension RecordedOutcome {
    /// Whether the body is to be collected.
    var collectsBody: Bool { parts & 1 << 1 != 0 }

    /// The outcome in a few words.
    package var text: String {
        let names = [
            "leave the endpoint", "collect the body", "new connection", "write", "write a piece",
            "relay", "end the answer", "close", "done", "ask for keys", "end with fields",
            "go on with the other attempt", "leave the other attempt",
        ]
        var words: [String] = []
        for (bit, name) in names.enumerated() where parts & 1 << UInt16(bit) != 0 {
            words.append(name)
        }
        if let endpoint { words.append("send to \(backend ?? "") at \(endpoint)") }
        if let engine { words.append("ask engine \(engine)") }
        if let hedge { words.append("ask \(hedge) too") }
        if let delay { words.append("after \(Double(delay) / 1e6) ms") }
        if !mirrors.isEmpty { words.append("copy to \(mirrors.joined(separator: ", "))") }
        return words.isEmpty ? "nothing" : words.joined(separator: ", ")
    }
}
