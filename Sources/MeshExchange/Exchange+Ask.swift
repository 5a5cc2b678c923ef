// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshEngines
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshTelemetry
package import MeshWire

/// Asking policy engines: services of somebody else that `custom` rules leave the decision to.
///
/// ```
///  rules of the stage have nothing against it
///       │   custom rules that are due, one engine after another, each once a request
///       v
///  kept answer? ──no──> Step.asks ──> driver ──> engineAnswered ──> refuse, or go on where
///       └──yes─────────────────────────────────────────┘             it stopped
/// ```
///
/// While an engine is asked the exchange is `asking`: nothing of a body is read for it, no limit
/// was asked and no endpoint chosen. What an engine says is told to the exchange as any other
/// event, and recorded; what is kept of answers is a part of the shard.
///
/// Invariant: without a `custom` rule nothing here is reached.
extension Exchange {
    /// Where the exchange goes on when the engines have nothing against it.
    enum Resumption: UInt8, Sendable {
        /// The body is collected, or the request routed.
        case classified
        /// The caller is redirected.
        case redirected
        /// The list of models is shown.
        case listed
        /// The limits are asked, and an endpoint is chosen.
        case routed
        /// The proxy that asked is told that the request may pass.
        case judged
        /// The labels that a classifier found are taken.
        case labelled
    }

    /// An engine that is being asked.
    struct Asking {
        /// The engine.
        var engine: EngineID
        /// What its answer is kept by; nil when it is not kept.
        var key: [UInt8]?
        /// Since when it is waited for.
        var since: Instant
        /// Where the exchange goes on.
        var then: Resumption
        /// Where it stood.
        var former: Phase
    }

    /// The engine that is asked now, or nil.
    package var askedEngine: String? {
        accessNotes?.asking.map { snapshot.access.engines[Int($0.engine)].name }
    }

    /// Notes which `custom` rules of `ids` are due in `scope` and ask their engine.
    mutating func noteEngines(
        _ ids: [AccessID], but others: [AccessID], in scope: AccessScope, _ facts: FactTable,
        _ shard: inout Shard
    ) {
        for id in ids where !others.contains(id) && accessNotes?.hasAudited(id) != true {
            let policy = snapshot.access.policies[Int(id)]
            guard policy.asksEngine else { continue }
            for (index, rule) in policy.rules.enumerated()
            where rule.action == .custom && scope.asks(rule, of: policy) {
                let verdict = ask(rule, Int(id), index, facts, &shard)
                if case .fails = verdict {
                    tape?.say(.authorize, "rule \(rule.label) does not ask its engine")
                    continue
                }
                let notes = accessNotes ?? AccessNotes()
                notes.due.append(AccessNotes.Due(policy: Int(id), rule: index))
                accessNotes = notes
            }
        }
    }

    /// Asks the engines of the rules that are due. Answers a refusal, a step that asks, or nil
    /// when none has anything against the request.
    mutating func askEngines(
        then resumption: Resumption, _ head: borrowing RequestHead, _ bytes: RawSpan,
        body: RawSpan?, shard: inout Shard, at now: Instant
    ) -> Step? {
        guard let notes = accessNotes else { return nil }
        while let next = notes.due.first {
            let rule = snapshot.access.policies[next.policy].rules[next.rule]
            if let known = notes.answers.first(where: { $0.engine == rule.engine }) {
                notes.due.removeFirst()
                if let refused = settle(known.outcome, next, shard: &shard, at: now) {
                    return refused
                }
                continue
            }
            if let step = ask(
                rule, next, then: resumption, head, bytes, body: body, shard: &shard, at: now)
            {
                return step
            }
        }
        return nil
    }

    /// Asks the engine of `rule`, or notes at once what came of it. Answers a step that asks, a
    /// refusal, or nil when the next rule is to be looked at.
    private mutating func ask(
        _ rule: AccessRule, _ due: AccessNotes.Due, then resumption: Resumption,
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step? {
        let engine = snapshot.access.engines[Int(rule.engine)]
        var facts = shard.takeFacts(for: snapshot)
        defer { shard.putBack(&facts, of: snapshot) }
        fill(&facts, of: engine, head, bytes, body: body)
        let key = engine.cache.flatMap { cacheKey($0, facts) }
        let kept = key.flatMap { shard.keptAnswer(of: rule.engine, $0, for: snapshot, at: now) }
        let answer = tape?.keptAnswer(kept, of: engine.name) ?? kept
        if let answer {
            shard.countEngine(.cached, after: nil, rule.engine, of: snapshot)
            tape?.say(.authorize, "an answer of engine \(engine.name) is kept for this request")
            note(.answered(answer), of: rule)
            return nil
        }
        if let refusal = refusal(toAsk: engine, carried(shard, at: now)) {
            tape?.say(.residency, "engine \(engine.name) is no place for this data")
            return bar(refusal, due, shard: &shard, at: now)
        }
        if isCredentialMissing(of: engine.backend) {
            tape?.say(.authorize, "the credential for engine \(engine.name) cannot be read")
            note(.failed(.unreachable), of: rule)
            return nil
        }
        let place = pickEndpoint(
            ofEngine: engine.backend, labels: labels, shard: &shard, at: now)
        guard let place else {
            // A place that the configuration of now bars is as good as none.
            if !labels.isEmpty {
                let refusal = Refusal(.residencyDenied, message: Self.barredMeanwhile)
                return bar(refusal, due, shard: &shard, at: now)
            }
            shard.countEngine(.unreachable, after: nil, rule.engine, of: snapshot)
            tape?.say(.authorize, "engine \(engine.name) has no endpoint")
            note(.failed(.unreachable), of: rule)
            return nil
        }
        guard noteHop(place, .engine, shard) else {
            return refuse(unwritten(shard), shard: &shard, at: now)
        }
        tape?.say(
            .authorize,
            "rule \(rule.label) asks engine \(engine.name) (\(engine.speech.label)), for at "
                + "most \(engine.timeout.milliseconds)")
        var step = Step()
        step.asks = EngineOrder(question(for: engine, facts, head, bytes), for: place)
        wait(for: rule.engine, keyedBy: key, then: resumption, at: now)
        return step
    }

    /// Waits for the answer of `engine`.
    mutating func wait(
        for engine: EngineID, keyedBy key: [UInt8]?, then resumption: Resumption, at now: Instant
    ) {
        accessNotes?.asking = Asking(
            engine: engine, key: key, since: now, then: resumption,
            former: phase == .identifying ? .idle : phase)
        phase = .asking
        waitDeadline = now + snapshot.access.engines[Int(engine)].timeout
        updateDeadline()
    }

    private func note(_ outcome: EngineOutcome, of rule: AccessRule) {
        accessNotes?.answers.append(.init(engine: rule.engine, outcome: outcome))
    }

    /// An engine must not be asked about this data: the request is refused, whatever the failure
    /// mode says, or counted where its policy only counts.
    private mutating func bar(
        _ refusal: Refusal, _ due: AccessNotes.Due, shard: inout Shard, at now: Instant
    ) -> Step? {
        let policy = snapshot.access.policies[due.policy]
        shard.countAccess(.failed, due.policy, due.rule, of: snapshot)
        if policy.isAudit {
            accessNotes?.due.removeFirst()
            return audit(due, policy, &shard)
        }
        shard.countAccess(.denied, due.policy, due.rule, of: snapshot)
        noteRefusal(by: policy.rules[due.rule])
        keepLabels()
        return refuse(refusal, shard: &shard, at: now)
    }

    private static let barredMeanwhile =
        "this request carries a data label, a policy engine must be asked about it, and the "
        + "present configuration has no place for it; try again"

    /// The engine that `Step.asks` named answered, or did not: the driver also tells that
    /// `deadline` passed while the phase is `asking`, as `.failed(.timeout)`.
    ///
    /// **Shape** `body` is the collected payload, nil when none was asked for yet.
    package mutating func engineAnswered(
        _ outcome: EngineOutcome, _ head: borrowing RequestHead, _ bytes: RawSpan,
        body: RawSpan?, shard: inout Shard, at now: Instant
    ) -> Step {
        guard phase == .asking, let asking = accessNotes?.asking else { return Step() }
        note(.engine, shard, at: now)
        let name = snapshot.access.engines[Int(asking.engine)].name
        tape?.amend { $0.engine = RecordedAnswer(name, outcome) }
        return noted(
            take(outcome, of: asking, head, bytes, body: body, shard: &shard, at: now), &shard)
    }

    private mutating func take(
        _ outcome: EngineOutcome, of asking: Asking, _ head: borrowing RequestHead,
        _ bytes: RawSpan, body: RawSpan?, shard: inout Shard, at now: Instant
    ) -> Step {
        accessNotes?.asking = nil
        phase = asking.former
        waitDeadline = .distantFuture
        updateDeadline()
        let waited = now - asking.since
        record.policyEngines = (record.policyEngines ?? .zero) + waited
        shard.countEngine(EngineResult(outcome), after: waited, asking.engine, of: snapshot)
        if case .answered(let answer) = outcome, let key = asking.key {
            shard.keep(answer, of: asking.engine, for: key, asked: snapshot, at: now)
        }
        accessNotes?.answers.append(.init(engine: asking.engine, outcome: outcome))
        guard now < requestDeadline else {
            return refuse(Refusal(.upstreamTimeout), shard: &shard, at: now)
        }
        if let step = askEngines(
            then: asking.then, head, bytes, body: body, shard: &shard, at: now)
        {
            return step
        }
        switch asking.then {
        case .classified: return proceed(head, bytes, shard: &shard, at: now)
        case .redirected: return answerRedirect(head, bytes, shard: &shard, at: now)
        case .listed: return answerOffered(head, bytes, shard: &shard, at: now)
        case .routed: return launch(head, bytes, body: body, shard: &shard, at: now)
        case .judged: return sayYes(shard: &shard, at: now)
        case .labelled:
            return takeLabels(
                outcome, of: asking.engine, head, bytes, body: body, shard: &shard, at: now)
        }
    }

    /// What the answer of its engine means for the request by a rule that was due.
    private mutating func settle(
        _ outcome: EngineOutcome, _ due: AccessNotes.Due, shard: inout Shard, at now: Instant
    ) -> Step? {
        let policy = snapshot.access.policies[due.policy]
        let rule = policy.rules[due.rule]
        let engine = snapshot.access.engines[Int(rule.engine)]
        switch outcome {
        case .answered(let answer) where answer.allows:
            tape?.say(.authorize, "engine \(engine.name) lets it pass (rule \(rule.label))")
            shard.countAccess(.allowed, due.policy, due.rule, of: snapshot)
            if !policy.isAudit { accessNotes?.adopt(answer, of: rule.engine) }
            return nil
        case .answered(let answer):
            let why = answer.reason.map { ": \($0)" } ?? ""
            tape?.say(.authorize, "engine \(engine.name) does not let it pass\(why)")
            if policy.isAudit { return audit(due, policy, &shard) }
            shard.countAccess(.denied, due.policy, due.rule, of: snapshot)
            return refuse(answer, by: engine, rule, shard: &shard, at: now)
        case .failed(let failure):
            tape?.say(.authorize, "engine \(engine.name) gave no answer: \(failure.text)")
            shard.countAccess(.failed, due.policy, due.rule, of: snapshot)
            if engine.allowsOnFailure {
                tape?.say(.authorize, "its failure mode lets the request pass unchecked")
                if !policy.isAudit { record.flags.insert(.accessUnchecked) }
                return nil
            }
            if policy.isAudit { return audit(due, policy, &shard) }
            shard.countAccess(.denied, due.policy, due.rule, of: snapshot)
            return refuse(failure, of: engine, rule, shard: &shard, at: now)
        }
    }

    /// Counts what a policy that only counts would have refused.
    private mutating func audit(
        _ due: AccessNotes.Due, _ policy: AccessPolicy, _ shard: inout Shard
    ) -> Step? {
        shard.countAccess(.audited, due.policy, due.rule, of: snapshot)
        record.flags.insert(.accessAudited)
        record.accessRule = policy.label(of: due.rule)
        tape?.say(
            .authorize,
            "policy \(policy.name) would refuse it by \(policy.label(of: due.rule)), and only "
                + "counts")
        return nil
    }

    private mutating func refuse(
        _ answer: EngineAnswer, by engine: PolicyEngine, _ rule: AccessRule,
        shard: inout Shard, at now: Instant
    ) -> Step {
        var message = "policy engine \(engine.name) denies this request"
        if let reason = answer.reason { message += ": \(reason)" }
        if let told = rule.message { message += ": \(told)" }
        noteRefusal(by: rule)
        return refuse(
            Refusal(.accessDenied, status: answer.status, message: message),
            edits: answer.answerEdits, shard: &shard, at: now)
    }

    private mutating func refuse(
        _ failure: EngineFailure, of engine: PolicyEngine, _ rule: AccessRule,
        shard: inout Shard, at now: Instant
    ) -> Step {
        noteRefusal(by: rule)
        return refuse(
            Refusal(
                .policyEngineUnavailable, status: engine.statusOnFailure,
                message: "policy engine \(engine.name) gave no answer: \(failure.text); try "
                    + "again, and see `pinion get engines`"),
            shard: &shard, at: now)
    }

    private mutating func noteRefusal(by rule: AccessRule) {
        record.accessRule = rule.label
        record.flags.remove(.accessAudited)
    }

    func isCredentialMissing(of backend: BackendID) -> Bool {
        snapshot.backends[Int(backend)].credential != nil
            && (Int(backend) >= credentials.count || credentials[Int(backend)] == nil)
    }

    /// The values of the chosen facts, so that no two lists of values have the same key; nil when
    /// one has no value.
    private func cacheKey(_ cache: PolicyEngine.Cache, _ facts: FactTable) -> [UInt8]? {
        var key: [UInt8] = []
        for program in cache.key {
            do throws(EvaluationFault) {
                let value = try program.value(facts)
                key.append(value.typeName)
                let text = value.text
                key.append(UInt8(ascii: ":"))
                key.appendDecimal(text.utf8.count)
                key.append(UInt8(ascii: ":"))
                key.append(text)
            } catch {
                return nil
            }
        }
        return key
    }
}

extension EngineResult {
    /// What metrics call `outcome`.
    init(_ outcome: EngineOutcome) {
        switch outcome {
        case .answered(let answer): self = answer.allows ? .allowed : .denied
        case .failed(.timeout): self = .timeout
        case .failed(.unreachable): self = .unreachable
        case .failed(.failed): self = .failed
        case .failed(.malformed): self = .malformed
        case .failed(.busy): self = .busy
        }
    }
}
