// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshEngines
import MeshLimits
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshWire

/// What one exchange writes its recording on, or reads a former one from.
///
/// Live, each event is noted with what the shard's state was where the exchange looked at it. In
/// a replay the same looks are answered from the recording, in order, so that the exchange finds
/// what it found then although the rest of the shard is another one.
///
/// A class, because an exchange that is not recorded should carry one word for it and no more.
package final class Tape {
    /// What was noted so far.
    package private(set) var recording: ExchangeRecording
    /// When the last piece of the answer came.
    var lastPiece: Instant?

    private var depth = 0
    private var current: RecordedEvent?
    /// The looks of the present event in a replay, first come first.
    private var script: RecordedEvent?
    /// Whether looks are answered from `script`.
    let isReplay: Bool
    /// Whether a rule was asked that reads what was blotted out.
    private(set) var readsHidden = false

    /// A tape for the exchange that begins with `recording`.
    init(_ recording: ExchangeRecording, isReplay: Bool) {
        self.recording = recording
        self.isReplay = isReplay
    }

    /// In a replay: the looks of the next event are answered as `event` noted them.
    func follow(_ event: RecordedEvent) { script = event }

    // MARK: Events

    /// An event begins; what it leads to inside the exchange is part of it.
    func begin(_ event: () -> RecordedEvent) {
        depth += 1
        guard depth == 1 else { return }
        current = event()
    }

    /// Changes the event that began last, unless it is within another one.
    func amend(_ change: (inout RecordedEvent) -> Void) {
        guard depth == 1, var event = current else { return }
        change(&event)
        current = event
    }

    /// The event has ended with `outcome`.
    func end(_ outcome: RecordedOutcome) {
        depth -= 1
        guard depth == 0, var event = current else { return }
        current = nil
        event.outcome = outcome
        keep(event)
    }

    private func keep(_ event: RecordedEvent) {
        if event.kind.isMerged, var last = recording.events.last, last.kind == event.kind,
            last.lane == event.lane
        {
            // Only the last of several such events matters, and the bytes of all.
            last.after = event.after
            last.flags = event.flags
            last.answer = event.answer
            last.outcome = event.outcome
            if let more = event.bytes { last.bytes = (last.bytes ?? 0) + more }
            recording.events[recording.events.count - 1] = last
            return
        }
        guard recording.events.count < Limits.recordedEvents else {
            recording.gap = .events
            // The end is kept all the same: a recording must have one.
            if event.outcome.isDone { recording.events[recording.events.count - 1] = event }
            return
        }
        recording.events.append(event)
    }

    /// Where the request was listened for.
    func keep(port: String) { recording.port = port }

    /// What is known of the caller's connection.
    func keep(_ connection: RecordedConnection) { recording.connection = connection }

    /// The head of the request, blotted out where it must be.
    func keep(head: String, hidden: [String], callerID: String?) {
        recording.head = head
        recording.hidden = hidden
        recording.callerID = callerID
    }

    /// Whether the last event ended the exchange.
    var isEnded: Bool { depth == 0 && recording.events.last?.outcome.isDone == true }

    /// The recording with its access line, once the exchange has ended.
    func finished(line: String) -> ExchangeRecording {
        recording.line = line
        return recording
    }

    /// What was read of the body; a name that is too long is not kept.
    func keep(_ body: RecordedBody) {
        var body = body
        if let model = body.model, model.utf8.count > Limits.recordedModelBytes {
            body.model = nil
            recording.gap = .model
        }
        amend { $0.body = body }
    }

    /// A stage says what it decided. Only evaluated where there is a tape.
    func say(_ stage: RecordedNote.Stage, _ text: String) {
        current?.notes.append(RecordedNote(stage: stage, text: text))
    }

    // MARK: Looks

    /// The exchange is about to pick an endpoint of `backend`.
    func look(
        at fleet: inout Fleet, backend: BackendID, carrying carried: Carried,
        tried: borrowing Tried, at now: Instant
    ) {
        if isReplay, var script {
            let name = fleet.name(of: backend)
            if let at = script.pools.firstIndex(where: { $0.backend == name }) {
                _ = fleet.install(script.pools.remove(at: at), of: backend)
                self.script = script
            }
        }
        guard current != nil else { return }
        guard
            let picture = fleet.picture(of: backend, carrying: carried, tried: tried, at: now)
        else {
            recording.gap = .endpoints
            return
        }
        current?.pools.append(picture)
    }

    /// It has picked.
    func picked(_ pick: Pick?, from fleet: borrowing Fleet, backend: BackendID) {
        guard var event = current, let last = event.pools.indices.last else { return }
        fleet.complete(&event.pools[last], of: backend, picked: pick)
        current = event
    }

    /// The hash that a ring goes by, of a field called `name`. Where the field's value is blotted
    /// out, its hash is kept instead, so that the ring can be walked again.
    func hash(_ hash: UInt64, of name: RawSpan) -> UInt64 {
        guard HeadRedaction.isSecret(name.text.lowercased()) else { return hash }
        if isReplay, let known = recording.ringHash { return UInt64(known, radix: 16) ?? hash }
        recording.ringHash = String(hash, radix: 16)
        return hash
    }

    /// The exchange is about to ask `limit` for `amount`.
    func look(
        at ledger: inout Ledger, limit: LimitID, for amount: Int64, at now: Instant
    ) {
        if isReplay, var script {
            let label = ledger.label(of: limit)
            if let at = script.buckets.firstIndex(where: { $0.limit == label }) {
                ledger.install(script.buckets.remove(at: at), of: limit, at: now)
                self.script = script
            }
        }
        guard current != nil, let picture = ledger.picture(of: limit, for: amount, at: now) else {
            return
        }
        current?.buckets.append(picture)
    }

    /// What the request asks for beyond text: `found` as it was read, or as it was.
    func needs(_ found: RequestNeeds) -> RequestNeeds {
        let needs = isReplay ? script?.body?.needs?.needs ?? RequestNeeds() : found
        current?.body?.needs = RecordedNeeds(needs)
        return needs
    }

    /// What an answer that came whole turned out to be: `verdict` as it was read, or as it was.
    func judged(_ verdict: AnswerVerdict?) -> AnswerVerdict? {
        let verdict = isReplay ? script?.judged : verdict
        current?.judged = verdict
        return verdict
    }

    /// How the caller stands at its limits: `answer` as the shard has it, or as it was.
    func quota(_ answer: Quota) -> Quota {
        let answer = isReplay ? script?.quota ?? answer : answer
        current?.quota = answer
        return answer
    }

    /// What the rule called `label` says: `answer`, or what it said then. Asked of rules that
    /// read what is blotted out here.
    func verdict(_ answer: Verdict, of label: String) -> Verdict {
        var verdict = answer
        if isReplay {
            if let at = script?.verdicts?.firstIndex(where: { $0.rule == label }),
                let then = script?.verdicts?.remove(at: at)
            {
                verdict = then.verdict
            }
            // Under another configuration the rule may say something else of a value that is gone.
            readsHidden = true
        }
        let noted = RecordedVerdict(label, verdict)
        if current?.verdicts?.append(noted) == nil { current?.verdicts = [noted] }
        return verdict
    }

    /// The answer that is kept for a question to the engine called `engine`: `answer` as the shard
    /// has it, or as it had it.
    func keptAnswer(_ answer: EngineAnswer?, of engine: String) -> EngineAnswer? {
        var answer = answer
        if isReplay {
            answer = nil
            if let at = script?.keptAnswers?.firstIndex(where: { $0.engine == engine }),
                let then = script?.keptAnswers?.remove(at: at),
                case .answered(let known)? = then.outcome
            {
                answer = known
            }
        }
        guard let answer else { return nil }
        let noted = RecordedAnswer(engine, .answered(answer))
        if current?.keptAnswers?.append(noted) == nil { current?.keptAnswers = [noted] }
        return answer
    }

    /// Who the caller is: `verdict`, or in a replay what was found then.
    func identity(_ verdict: IdentityVerdict, in snapshot: Snapshot) -> IdentityVerdict {
        var verdict = verdict
        var noted = RecordedIdentity(verdict, in: snapshot)
        if isReplay {
            if let then = script?.identities?.first {
                script?.identities?.removeFirst()
                noted = then
                verdict = then.verdict(in: snapshot)
            } else {
                // Another configuration asks where nobody asked then.
                readsHidden = true
            }
        }
        if current?.identities?.append(noted) == nil { current?.identities = [noted] }
        return verdict
    }

    /// What the next turnstile said in the event that is played again; nil when none was asked.
    func nextTurnstile() -> RecordedTurnstile? {
        guard let known = script?.turnstiles, !known.isEmpty else { return nil }
        return script?.turnstiles?.removeFirst()
    }

    /// Notes what a turnstile said.
    func append(_ answer: RecordedTurnstile) {
        if current?.turnstiles?.append(answer) == nil { current?.turnstiles = [answer] }
    }

    /// How `target`, the name of a backend and of an upstream model, stands: `standing` as the
    /// shard has it, or as it was.
    func standing(_ standing: Standing, of target: String) -> Standing {
        var standing = standing
        if isReplay {
            standing = .clear
            if let at = script?.standings?.firstIndex(where: { $0.target == target }),
                let then = script?.standings?.remove(at: at)
            {
                standing = then.standing
            }
        }
        guard let noted = RecordedStanding(target, standing) else { return standing }
        if current?.standings?.append(noted) == nil { current?.standings = [noted] }
        return standing
    }

    /// The hash that a caller's target is chosen by: `hash` as the head gives it, or as it did.
    /// Asked where the expression reads what is blotted out here.
    func assignment(_ hash: UInt64?, of sticky: Sticky) -> UInt64? {
        var noted = RecordedAssignment(owner: sticky.owner, by: sticky.by, hash)
        if isReplay {
            let then = script?.assignments?.firstIndex {
                $0.owner == sticky.owner && $0.by == sticky.by
            }
            if let then, let known = script?.assignments?.remove(at: then) {
                noted = known
            } else {
                // Another configuration goes by a value that is gone.
                readsHidden = true
            }
        }
        if current?.assignments?.append(noted) == nil { current?.assignments = [noted] }
        return noted.value
    }

    /// Whether no endpoint of `backend` takes traffic: `found` as the shard has it, or as it was.
    func isDown(_ found: Bool, backend: String) -> Bool {
        let isDown = isReplay ? script?.down?.contains(backend) == true : found
        if isDown, current?.down?.contains(backend) != true {
            if current?.down?.append(backend) == nil { current?.down = [backend] }
        }
        return isDown
    }

    /// What an answer's head said about limits of its server: `found` as it was read, or as it
    /// was. A date is read by a clock that may have been set since.
    func rateLimit(_ found: RateLimit) -> RateLimit {
        let limit = isReplay ? script?.rateLimit ?? RateLimit() : found
        if limit != RateLimit() { current?.rateLimit = limit }
        return limit
    }

    /// How long answers usually take to begin: `found` as the shard knows it, or as it did.
    func wait(_ found: Nanoseconds?) -> Nanoseconds? {
        let wait = isReplay ? script?.usualWait.map { Nanoseconds($0) } : found
        current?.usualWait = wait?.rawValue
        return wait
    }

    /// Whether a retry is within the budget: `answer` as the shard has it, or as it was.
    func budget(_ answer: Bool) -> Bool {
        var answer = answer
        if isReplay, var script, !script.budgets.isEmpty {
            answer = script.budgets.removeFirst()
            self.script = script
        }
        current?.budgets.append(answer)
        return answer
    }
}

extension RecordedEvent.Kind {
    /// Whether several in a row say no more than the last.
    fileprivate var isMerged: Bool {
        switch self {
        case .bodyProgressed, .requestProgressed, .paused: true
        case .begin, .unread, .body, .bodyFailed, .engine, .requestCompleted, .sent,
            .attemptFailed, .timer, .clientGone, .cutOff, .answerHead, .answerTrailers,
            .answerEnded, .answerBroke, .released,
            .keysSettled, .turnstileOpened:
            false
        }
    }
}
