// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshPolicy
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Whether a request may do what it asks for.
///
/// A rule is asked as soon as all that it reads is known, and never later:
///
/// ```
///  head read ──> rules on the head ──> body read, model known ──> rules on the body ──> limits
///                                                                                         │
///        each attempt, fallback and copy <── rules on the destination <──── backend chosen
/// ```
///
/// Within a policy `deny` goes before `require` before `allow` before the default; the `allow`
/// rules and the default are settled together, once the last of them can be asked. Every policy
/// that applies must let the request pass. The engines of `custom` rules are asked behind all
/// rules of a stage, because asking them costs a round trip: see Exchange+Ask. A rule that has no
/// value refuses: `deny` counts as true, `require` and `allow` do not.
///
/// What is asked of a backend is a function of the request and the backend, so a retry on the
/// same one is judged by the first answer. The time is a fact of the request, too.
///
/// Invariant: without a policy nothing here costs more than looking at an empty array.
extension Exchange {
    /// Asks the rules that need the head only. Answers a refusal, a step that asks an engine, or
    /// nil.
    mutating func authorizeHead(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step? {
        let ids = snapshot.rules[Int(rule)].access
        if ids.isEmpty { return nil }
        var facts = shard.takeFacts(for: snapshot)
        let scope = AccessScope(
            stage: .head, floor: .head, asksEngines: !snapshot.labelsComeLate)
        fill(&facts, for: ids, in: scope, head, bytes, body: nil)
        let denial = judge(ids, but: [], in: scope, facts, &shard)
        if denial == nil { noteEngines(ids, but: [], in: scope, facts, &shard) }
        shard.putBack(&facts, of: snapshot)
        if let denial { return refuse(denial, shard: &shard, at: now) }
        return askEngines(then: .classified, head, bytes, body: nil, shard: &shard, at: now)
    }

    /// Asks the rules that need the body or the model. Answers a refusal, a step that asks an
    /// engine before the exchange goes on with `resumption`, or nil.
    ///
    /// **Shape** `isLast` when the mesh answers by itself: no backend will be chosen, and what
    /// would be settled there is settled now.
    mutating func authorizeBody(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, isLast: Bool = false,
        then resumption: Resumption, shard: inout Shard, at now: Instant
    ) -> Step? {
        let ofRule = snapshot.rules[Int(rule)].access
        let ofModel = model >= 0 ? snapshot.models[Int(model)].access : []
        if ofRule.isEmpty, ofModel.isEmpty { return nil }
        var facts = shard.takeFacts(for: snapshot)
        let inherited = AccessScope(
            stage: .body, floor: .head, isLast: isLast, asksEngines: true,
            asksLateEngines: snapshot.labelsComeLate)
        let own = AccessScope(stage: .body, floor: .body, isLast: isLast, asksEngines: true)
        fill(&facts, for: ofRule, in: inherited, head, bytes, body: body)
        fill(&facts, for: ofModel, in: own, head, bytes, body: body)
        let denial =
            judge(ofRule, but: [], in: inherited, facts, &shard)
            ?? judge(ofModel, but: ofRule, in: own, facts, &shard)
        if denial == nil {
            noteEngines(ofRule, but: [], in: inherited, facts, &shard)
            noteEngines(ofModel, but: ofRule, in: own, facts, &shard)
        }
        shard.putBack(&facts, of: snapshot)
        if let denial { return refuse(denial, shard: &shard, at: now) }
        return askEngines(then: resumption, head, bytes, body: body, shard: &shard, at: now)
    }

    /// Keeps what rules about destinations read, and asks them about the chosen backend and, as
    /// long as they refuse, about the model's fallbacks. Answers a refusal when every one is
    /// refused, else nil: `hopDenial` then says which are.
    mutating func authorizeDestinations(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, shard: inout Shard,
        at now: Instant
    ) -> Step? {
        if !snapshot.asksDestinations { return nil }
        let ids = policiesOfDestinations()
        if ids.isEmpty { return nil }
        var facts = FactTable(snapshot.access.layout)
        for floor in [FactStage.head, .destination] {
            let scope = AccessScope(stage: .destination, floor: floor)
            fill(&facts, for: ids, in: scope, head, bytes, body: body)
        }
        let notes = accessNotes ?? AccessNotes()
        notes.facts = facts
        accessNotes = notes
        guard let denial = hopDenial(to: backend, &shard) else { return nil }
        if model >= 0 {
            for fallback in snapshot.models[Int(model)].fallbacks
            where hopDenial(to: fallback.backend, &shard) == nil {
                return nil
            }
        }
        return refuse(denial, shard: &shard, at: now)
    }

    /// Why the request may not be sent to `backend`, or nil when it may.
    mutating func hopDenial(to backend: BackendID, _ shard: inout Shard) -> AccessDenial? {
        guard let notes = accessNotes, var facts = notes.facts else { return nil }
        if let known = notes.hops.first(where: { $0.backend == backend }) { return known.denial }
        // Taken out and put back so that the table is changed in place.
        notes.facts = nil
        fillDestination(&facts, backend)
        let ofRule = snapshot.rules[Int(rule)].access
        let ofModel = model >= 0 ? snapshot.models[Int(model)].access : []
        let ofBackend = snapshot.backends[Int(backend)].access
        let inherited = AccessScope(stage: .destination, floor: .head)
        let own = AccessScope(stage: .destination, floor: .destination)
        let denial =
            judge(ofRule, but: [], in: inherited, facts, &shard)
            ?? judge(ofModel, but: ofRule, in: inherited, facts, &shard)
            ?? judge(ofBackend, but: ofRule + ofModel, in: own, facts, &shard)
        notes.facts = facts
        notes.hops.append(AccessNotes.Hop(backend: backend, denial: denial))
        return denial
    }

    /// Answers that the request may not do what it asks for.
    mutating func refuse(
        _ denial: AccessDenial, shard: inout Shard, at now: Instant
    ) -> Step {
        let policy = snapshot.access.policies[denial.policy]
        record.accessRule = policy.label(of: denial.rule)
        record.flags.remove(.accessAudited)
        return refuse(Refusal(denial, by: policy), shard: &shard, at: now)
    }

    /// The policies that are asked about some backend that the request can reach.
    private func policiesOfDestinations() -> [AccessID] {
        var found: [AccessID] = []
        let policies = snapshot.access.policies
        let ofModel = model >= 0 ? snapshot.models[Int(model)].access : []
        for id in snapshot.rules[Int(rule)].access + ofModel
        where policies[Int(id)].asksDestination {
            found.append(id)
        }
        var reachable = snapshot.rules[Int(rule)].mirrors.map(\.backend) + [backend]
        if model >= 0 {
            reachable += snapshot.models[Int(model)].fallbacks.map(\.backend)
            reachable += snapshot.models[Int(model)].mirrors.map(\.backend)
        }
        if hasMirrors { reachable += embedderBackends }
        for id in reachable { found += snapshot.backends[Int(id)].access }
        return found
    }

    /// What those of `ids` say that are asked in `scope`; those in `others` were asked before.
    /// Audits count and say so, and never refuse.
    private mutating func judge(
        _ ids: [AccessID], but others: [AccessID], in scope: AccessScope, _ facts: FactTable,
        _ shard: inout Shard
    ) -> AccessDenial? {
        for id in ids where !others.contains(id) && accessNotes?.hasAudited(id) != true {
            let number = Int(id)
            let policy = snapshot.access.policies[number]
            guard let denial = judge(policy, number, in: scope, facts, &shard) else { continue }
            if !policy.isAudit {
                shard.countAccess(.denied, number, denial.rule, of: snapshot)
                return denial
            }
            let label = policy.label(of: denial.rule)
            shard.countAccess(.audited, number, denial.rule, of: snapshot)
            let notes = accessNotes ?? AccessNotes()
            notes.audited.append(id)
            accessNotes = notes
            record.flags.insert(.accessAudited)
            record.accessRule = label
            tape?.say(
                .authorize, "policy \(policy.name) would refuse it by \(label), and only counts")
        }
        return nil
    }

    private mutating func judge(
        _ policy: AccessPolicy, _ number: Int, in scope: AccessScope, _ facts: FactTable,
        _ shard: inout Shard
    ) -> AccessDenial? {
        for (index, rule) in policy.rules.enumerated()
        where rule.action == .deny || rule.action == .require {
            guard scope.asks(rule, of: policy) else { continue }
            let verdict = ask(rule, number, index, facts, &shard)
            if rule.action == .deny ? !verdict.isFalse : !verdict.isTrue {
                tape?.say(.authorize, rule.said(verdict))
                return AccessDenial(policy: number, rule: index, isFault: verdict.isUnknown)
            }
        }
        guard scope.settles(policy) else { return nil }
        var isFault = false
        for (index, rule) in policy.rules.enumerated() where rule.action == .allow {
            let verdict = ask(rule, number, index, facts, &shard)
            if verdict.isTrue {
                tape?.say(.authorize, rule.said(verdict))
                shard.countAccess(.allowed, number, index, of: snapshot)
                return nil
            }
            if verdict.isUnknown {
                isFault = true
                tape?.say(.authorize, rule.said(verdict))
            }
        }
        if policy.allowsByDefault {
            tape?.say(.authorize, "policy \(policy.name) lets it pass by default")
            shard.countAccess(.allowed, number, -1, of: snapshot)
            return nil
        }
        tape?.say(.authorize, "no rule of policy \(policy.name) allows it")
        return AccessDenial(policy: number, rule: -1, isFault: isFault)
    }

    /// What `rule`, at `index` of the policy `number`, says.
    mutating func ask(
        _ rule: AccessRule, _ number: Int, _ index: Int, _ facts: FactTable, _ shard: inout Shard
    ) -> Verdict {
        var verdict = rule.program.verdict(facts)
        if let tape, rule.program.readsSecret(snapshot.access.layout) {
            verdict = tape.verdict(verdict, of: rule.label)
        }
        if verdict.isUnknown { shard.countAccess(.failed, number, index, of: snapshot) }
        return verdict
    }
}

/// Which rules are asked at one moment.
struct AccessScope {
    /// What is known.
    var stage: FactStage
    /// The earliest moment at which the policy applies: that of what it is attached to.
    var floor: FactStage
    /// Whether no later moment comes.
    var isLast = false
    /// Whether engines are asked that are due.
    var asksEngines = false
    /// Whether engines are asked, too, that were due before the labels of the data were known.
    var asksLateEngines = false

    /// Whether it is now that `rule` of `policy` is asked.
    func asks(_ rule: AccessRule, of policy: AccessPolicy) -> Bool {
        switch rule.action {
        case .allow: return settles(policy)
        case .deny, .require: return max(rule.stage, floor) == stage
        case .custom:
            let due = max(rule.stage, floor)
            return due == stage && asksEngines || due < stage && asksLateEngines
        }
    }

    /// Whether it is now that the `allow` rules of `policy` and its default are settled.
    func settles(_ policy: AccessPolicy) -> Bool {
        let due = max(policy.settledAt, floor)
        return due == stage || isLast && due > stage
    }
}

/// What refused a request.
struct AccessDenial: Hashable, Sendable {
    /// The policy, an index into the snapshot's.
    var policy: Int
    /// The rule, an index into the policy's, or -1 for its default.
    var rule: Int
    /// Whether it refused because a rule could not be evaluated.
    var isFault: Bool
}

/// What access rules remember of one request. An object, because most requests have none.
final class AccessNotes {
    /// What rules about destinations read; nil when there are none.
    var facts: FactTable?
    /// The backends that they were asked about.
    var hops: [Hop] = []
    /// Policies that only count and have counted this request.
    var audited: [AccessID] = []
    /// Rules whose engine has not been heard, in the order in which they are asked.
    var due: [Due] = []
    /// What engines said, each once.
    var answers: [Heard] = []
    /// The engine that is asked now.
    var asking: Exchange.Asking?
    /// What engines change on the way to the backend.
    var requestEdits: [HeaderEdit] = []
    /// What engines change on the way to the caller.
    var answerEdits: [HeaderEdit] = []
    /// Classifiers that have been asked, or will not be.
    var classified: [EngineID] = []
    private var adopted: [EngineID] = []

    /// What rules said about sending the request to a backend.
    struct Hop {
        /// The backend.
        var backend: BackendID
        /// Why it may not be sent there, or nil.
        var denial: AccessDenial?
    }

    /// A rule that asks an engine: its policy, and its place there.
    struct Due {
        var policy: Int
        var rule: Int
    }

    /// What came of asking an engine.
    struct Heard {
        var engine: EngineID
        var outcome: EngineOutcome
    }

    /// Takes over what an engine wants changed, once.
    func adopt(_ answer: EngineAnswer, of engine: EngineID) {
        guard !adopted.contains(engine) else { return }
        adopted.append(engine)
        requestEdits += answer.requestEdits
        answerEdits += answer.answerEdits
    }

    /// Whether the policy has counted this request.
    func hasAudited(_ id: AccessID) -> Bool { audited.contains(id) }
}

extension AccessPolicy {
    /// What logs call the rule at `index`, or the default.
    func label(of index: Int) -> String { index < 0 ? defaultLabel : rules[index].label }
}

extension Verdict {
    /// Whether the rule is true.
    fileprivate var isTrue: Bool { if case .holds = self { true } else { false } }
    /// Whether the rule is false.
    fileprivate var isFalse: Bool { if case .fails = self { true } else { false } }
    /// Whether the rule has no value.
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
}

extension AccessRule {
    /// What `verdict` means, in words without any value of the request.
    fileprivate func said(_ verdict: Verdict) -> String {
        switch (verdict, action) {
        case (.unknown(let fault), _):
            "rule \(label) (\(action.label)) cannot be evaluated, "
                + "\(fault.plainText), and so does not let it pass"
        case (.holds, .deny): "rule \(label) denies it"
        case (.fails, .require): "rule \(label) requires what does not hold"
        case (.holds, .allow): "rule \(label) allows it"
        case (.fails, .deny), (.holds, .require), (.fails, .allow), (_, .custom):
            "rule \(label) has nothing against it"
        }
    }
}

extension EvaluationFault {
    /// What happened. Names of facts are shown, and nothing that may be part of one.
    fileprivate var plainText: String {
        if Fact.allCases.contains(where: { detail.hasPrefix($0.name) }) { return description }
        return "\(EvaluationFault(code, "").description) a value of the request"
    }
}

extension Refusal {
    /// The refusal of a request that `policy` does not let pass.
    fileprivate init(_ denial: AccessDenial, by policy: AccessPolicy) {
        var message: String
        if denial.rule >= 0 {
            let rule = policy.rules[denial.rule]
            message = "rule \(rule.name) of AccessPolicy \(policy.name) "
            switch rule.action {
            case _ where denial.isFault: message += "could not be evaluated for this request"
            case .require: message += "requires what this request does not meet"
            case .deny, .custom, .allow: message += "denies this request"
            }
            if let told = rule.message { message += ": \(told)" }
        } else {
            message = "no rule of AccessPolicy \(policy.name) allows this request"
            if denial.isFault { message += ", and some could not be evaluated" }
        }
        self.init(.accessDenied, message: message)
    }
}
