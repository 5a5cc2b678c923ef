// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Which targets are left alone for now, because their servers asked for a pause or because
/// requests failed in a row.
///
/// ```
///  answer's head ──> heedRateLimit ──> Fleet.coolDown (and the other shards, by message)
///                                         │
///  dispatch, nextTarget, draw ──> standing of (backend, upstream model) ──> asked, or passed over
/// ```
///
/// What cools down is not asked, and when nothing else is left the caller is told when to come
/// back. What is merely broken is asked all the same then: it may work again.
///
/// Invariant: as long as nothing is in trouble this costs a look at two counts.
extension Exchange {
    /// What came of what an answer said about limits of its server.
    struct Heeded {
        /// How long the target takes nothing, where that is known.
        var wait: Nanoseconds?
        /// Whether another endpoint of the backend takes requests meanwhile.
        var leavesOthers = false
    }

    /// Heeds what the answer's head says about when its server takes more.
    mutating func heedRateLimit(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Heeded? {
        let policy = model >= 0 ? snapshot.backends[Int(backend)].coolDown : nil
        guard head.status >= 400 || policy != nil else { return nil }
        let found = RateLimit(head, bytes, at: shard.wallTime(now))
        let limit = tape?.rateLimit(found) ?? found
        var heeded = Heeded(wait: limit.retryAfter)
        guard let policy, let pick,
            let (reason, hint) = pause(status: head.status, limit),
            let scope = policy.scope ?? scope(of: reason)
        else { return head.status >= 400 ? heeded : nil }
        let known = shard.number(of: backend, in: snapshot)
        let length = shard.fleet.coolDown(
            known, slot: scope == .endpoint ? pick.slot : nil,
            model: scope == .model ? upstreamName : nil, hint: hint, at: now)
        guard let length else { return heeded }
        shard.countCoolDown(reason, backend: known)
        if tape != nil { say(length, scope) }
        switch standing(of: backend, upstreamName, shard, at: now) {
        case .cooling(let until): heeded.wait = until - now
        case .clear, .broken, .onTrial:
            heeded.wait = nil
            heeded.leavesOthers = scope == .endpoint
        }
        if head.status == 429, let wait = heeded.wait { soonest = min(soonest, now + wait) }
        return heeded
    }

    private func say(_ length: Nanoseconds, _ scope: CoolDownPolicy.Scope) {
        let name = snapshot.backends[Int(backend)].name
        let model = String(decoding: upstreamName, as: UTF8.self)
        let what =
            switch scope {
            case .endpoint: "this endpoint of \(name)"
            case .model: "model \(model) of \(name)"
            case .backend: "all of \(name)"
            }
        tape?.say(.forward, "\(what) gets a pause of \(length.milliseconds)")
    }

    /// Whether an answer asks for a pause, and for how long where it says so.
    private func pause(
        status: Int, _ limit: RateLimit
    ) -> (CoolDownReason, Nanoseconds?)? {
        switch status {
        case 429: (.refused, limit.retryAfter ?? limit.reset)
        case 503, 529: limit.retryAfter.map { (.overloaded, $0) }
        case 402: isMeshsCredential ? (.unpaid, limit.retryAfter) : nil
        case 200..<300: limit.reset.map { (.usedUp, $0) }
        default: nil
        }
    }

    /// Who is meant where the policy does not say: what the credential of the mesh may use is
    /// used up for all endpoints, a server of one's own speaks for itself, and what a caller's own
    /// credential may use is nobody else's business.
    private func scope(of reason: CoolDownReason) -> CoolDownPolicy.Scope? {
        if reason == .unpaid { return .backend }
        if isMeshsCredential { return .model }
        return showsCallersCredential && reason != .overloaded ? nil : .endpoint
    }

    private var isMeshsCredential: Bool { snapshot.backends[Int(backend)].credential != nil }

    /// Whether the present endpoint was shown a credential that the caller sent.
    private var showsCallersCredential: Bool {
        guard hasCredential, modelTarget >= 0, !snapshot.models[Int(model)].isMixed else {
            return false
        }
        return caller == nil || snapshot.identity[Int(callerProvider)].forwards
    }

    /// What the present target's model is called there.
    var upstreamName: [UInt8] {
        guard let target = currentTarget else { return [] }
        return upstreamName(of: target)
    }

    private func upstreamName(of target: ModelTarget) -> [UInt8] {
        target.upstreamModel ?? record.model.map { Array($0.utf8) }
            ?? snapshot.models[Int(model)].name
    }

    // MARK: Passing over

    /// Whether any target may be in trouble. In a replay the recording knows.
    func mayBeInTrouble(_ shard: borrowing Shard) -> Bool {
        shard.fleet.hasTroubles || tape?.isReplay == true
    }

    private func standing(
        of id: BackendID, _ name: [UInt8], _ shard: borrowing Shard, at now: Instant
    ) -> Standing {
        let known = shard.number(of: id, in: snapshot)
        let found = shard.fleet.standing(of: known, model: name, at: now)
        guard let tape else { return found }
        let label =
            "\(snapshot.backends[Int(id)].name) \(String(decoding: name, as: UTF8.self))"
        return tape.standing(found, of: label)
    }

    /// How `target` stands; says why it is passed over when it is in trouble.
    mutating func standing(
        of target: ModelTarget, _ shard: inout Shard, at now: Instant
    ) -> Standing {
        guard mayBeInTrouble(shard) else { return .clear }
        let name = upstreamName(of: target)
        let standing = standing(of: target.backend, name, shard, at: now)
        let reason: PassingOver
        let words: String
        switch standing {
        case .clear: return .clear
        case .cooling(let until):
            soonest = min(soonest, until)
            reason = .cooling
            words = "cools down for another \((until - now).milliseconds)"
        case .broken(let until):
            reason = .broken
            words = "failed too often and is left alone for another \((until - now).milliseconds)"
        case .onTrial:
            reason = .trial
            words = "failed too often, and another request finds out whether it works again"
        }
        shard.countPassing(reason, backend: shard.number(of: target.backend, in: snapshot))
        tape?.say(
            .route,
            "model \(String(decoding: name, as: UTF8.self)) of backend "
                + "\(snapshot.backends[Int(target.backend)].name) \(words)")
        return standing
    }

    /// Goes elsewhere when the present target is in trouble; nil when it is to be asked.
    mutating func avoid(
        after delay: Nanoseconds, shard: inout Shard, at now: Instant
    ) -> Step? {
        guard mayBeInTrouble(shard), let target = currentTarget else { return nil }
        let standing = standing(of: target, &shard, at: now + delay)
        if standing.isClear { return nil }
        if arm >= 0 { armFailed = true }
        if let step = nextTarget(shard: &shard, at: now) { return step }
        guard case .cooling = standing else {
            tape?.say(.route, "it is asked all the same: nobody else is left")
            return nil
        }
        return refuse(coolingRefusal(at: now), shard: &shard, at: now)
    }

    /// Refuses in the place of an answer that asks for a longer pause than another target does;
    /// nil when the answer may pass.
    mutating func refuseCooling(
        _ status: Int, _ limit: Heeded?, shard: inout Shard, at now: Instant
    ) -> Step? {
        guard status == 429, let wait = limit?.wait, soonest < now + wait else { return nil }
        endAttempt(.cancelled, .success, shard: &shard, at: now)
        return refuse(coolingRefusal(at: now), shard: &shard, at: now)
    }

    private func coolingRefusal(at now: Instant) -> Refusal {
        let wait = max(soonest - now, .milliseconds(1))
        return Refusal(
            .upstreamRateLimited,
            message: "every server that could take a request for "
                + "\(snapshot.models[Int(model)].resource) asked to be left alone, the first for "
                + "another \(wait.wholeSeconds) s; see `pinion get endpoints`",
            retryAfter: wait)
    }

    // MARK: Attempts

    /// The attempt at `chosen` begins.
    mutating func beginAttempt(_ chosen: Pick, shard: inout Shard, at now: Instant) {
        trial = shard.fleet.begin(chosen.slot, at: now)
        isBegun = true
        guard model >= 0, shard.fleet.hasTroubles else { return }
        let known = shard.number(of: backend, in: snapshot)
        trial.formUnion(shard.fleet.begin(model: upstreamName, on: known, at: now))
    }

    /// It has ended, as far as its upstream model is concerned.
    mutating func endModelAttempt(
        _ outcome: Outcome, on known: BackendID, shard: inout Shard, at now: Instant
    ) {
        guard model >= 0, outcome == .failure || shard.fleet.hasTroubles else { return }
        if shard.fleet.end(model: upstreamName, on: known, outcome, trial, at: now) {
            shard.countCircuit(backend: known)
            tape?.say(.forward, "the circuit of this upstream model is open from now on")
        }
    }
}

extension Shard {
    /// Counts a pause of `backend`, if the present snapshot still has it.
    mutating func countCoolDown(_ reason: CoolDownReason, backend: BackendID) {
        guard let series = series(of: backend) else { return }
        metrics.countCoolDown(reason, backend: series)
    }

    /// Counts that a target on `backend` was not asked.
    mutating func countPassing(_ reason: PassingOver, backend: BackendID) {
        guard let series = series(of: backend) else { return }
        metrics.countPassing(reason, backend: series)
    }

    /// Counts that the circuit of a model of `backend` opened.
    mutating func countCircuit(backend: BackendID) {
        guard let series = series(of: backend) else { return }
        metrics.countCircuit(backend: series)
    }
}
