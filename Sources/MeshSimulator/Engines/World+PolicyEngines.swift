// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import MeshSnapshot
import MeshWire

/// The policy engines of a world: what they say, and what must follow from it.
extension World {
    /// What an engine says to `question`, and how long it takes; nil when it never answers.
    func policyAnswer(
        to question: EngineQuestion
    ) -> (after: Nanoseconds, outcome: EngineOutcome)? {
        let habits = policyEngines
        if habits.isMute {
            faults.count(.policyEngineMute)
            return nil
        }
        let spread =
            habits.jitter.rawValue > 0 ? policyRandom.below(Int(habits.jitter.rawValue)) : 0
        let after = habits.delay + Nanoseconds(Int64(spread))
        if habits.isDown {
            faults.count(.policyEngineDown)
            return (after, .failed(.unreachable))
        }
        if policyRandom.below(1000) < habits.failPermille {
            faults.count(.policyEngineFailed)
            return (after, .failed(.failed))
        }
        if case .classifier = question.engine.speech {
            return (after, .answered(EngineAnswer(allows: true)))
        }
        let session = question.form.session
        let allows = session.map { !habits.deniedSessions.contains($0) } ?? true
        return (after, .answered(EngineAnswer(allows: allows, reason: allows ? nil : "by name")))
    }

    /// An engine's answer reached the proxy.
    func policyAnswered(_ question: EngineQuestion, _ outcome: EngineOutcome, at now: Instant) {
        guard case .answered(let answer) = outcome, let session = question.form.session else {
            return
        }
        while policyVerdicts.count <= Int(session % 1_000) { policyVerdicts.append(nil) }
        policyVerdicts[Int(session % 1_000)] = answer.allows ? now : nil
    }

    /// The proxy is about to send request `number` out for the first time: where engines must be
    /// heard, one must have said yes, and not longer ago than answers are kept.
    func checkPolicyVerdict(request number: Int, in snapshot: Snapshot) {
        guard options.checkEvery > 0, let engine = snapshot.access.engines.first,
            !engine.allowsOnFailure, requests.indices.contains(number),
            let request = requests[number]
        else { return }
        let place = Int(request.item.session % 1_000)
        let verdict = place < policyVerdicts.count ? policyVerdicts[place] : nil
        guard let verdict else {
            breach("engines are heard", "request \(number) goes out without a yes")
            return
        }
        let good = engine.cache.map { verdict + $0.lifetime >= now } ?? false
        if !good, verdict < request.startedAt {
            breach("engines are heard", "request \(number) goes out by an old yes")
        }
    }
}

extension EngineQuestion.Form {
    /// The session that the caller wrote into its head; nil when the engine is not told.
    fileprivate var session: UInt64? {
        switch self {
        case .check(let question):
            return question.headers.first { $0.name == "x-session-id" }
                .flatMap { UInt64($0.value) }
        case .http(let question):
            let body = question.body ?? []
            let tree = try? JSONTree.read(unsafe body.span.bytes, bytesMax: 65_536)
            let headers = tree?["input"]?["request"]?["headers"]
            return headers?["x-session-id"]?.text.flatMap { UInt64($0) }
        }
    }
}

/// One question on its way from a loop to an engine.
final class PolicyCall {
    private unowned let loop: ProxyLoop
    private var done: ((EngineOutcome, Instant) -> Void)?

    init(_ loop: ProxyLoop, done: @escaping (EngineOutcome, Instant) -> Void) {
        self.loop = loop
        self.done = done
    }

    /// Whether somebody waits for it.
    var isOpen: Bool { done != nil }

    /// What ends with it: an attempt of the fleet.
    var settle: ((EngineOutcome?, Instant) -> Void)?

    /// It is over.
    func finish(_ outcome: EngineOutcome, at now: Instant) {
        guard let done else { return }
        self.done = nil
        settle?(outcome, now)
        settle = nil
        done(outcome, now)
    }

    /// Nobody waits for it any more.
    func cancel(at now: Instant) {
        guard done != nil else { return }
        done = nil
        settle?(nil, now)
        settle = nil
    }
}
