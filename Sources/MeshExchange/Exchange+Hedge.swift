// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
package import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// A second attempt beside one whose answer takes long to begin.
///
/// ```
///  dispatched, sent, holding ──(hedgeAt)──> two lanes ──(one lets its answer pass)──> it alone
///                                               └──(one fails)──> the other alone
/// ```
///
/// The caller gets the first good answer. What the other endpoint was told is ended by closing its
/// connection, which makes model servers stop.
///
/// Invariant: as long as both run, nothing has reached the caller.
extension Exchange {
    /// Which of two attempts is looked at: 0 for the first.
    package var presentLane: UInt8 { lane }

    /// The endpoint of the attempt that is not looked at, or nil.
    package var rivalPick: Pick? { race?.other.pick }

    /// Whether two attempts run.
    package var isRacing: Bool { race != nil }

    /// Whether one of two has won, so that `settleRace` must be called and the other be left.
    package var isRaceDecided: Bool { race?.isDecided ?? false }

    /// Whether it is the other attempt whose time is over.
    package func isRivalDue(at now: Instant) -> Bool {
        guard let race else { return false }
        return now >= race.other.deadline
            && now < min(requestDeadline, attemptDeadline, waitDeadline)
    }

    /// The other attempt is looked at from now on. Does nothing without one.
    package mutating func switchLanes() {
        guard let race else { return }
        lane ^= 1
        swap(&phase, &race.other.phase)
        swap(&modelTarget, &race.other.modelTarget)
        swap(&backend, &race.other.backend)
        swap(&pick, &race.other.pick)
        swap(&isBegun, &race.other.isBegun)
        swap(&trial, &race.other.trial)
        swap(&tried, &race.other.tried)
        swap(&attemptsOnTarget, &race.other.attemptsOnTarget)
        swap(&usedFreshConnectionAfterReset, &race.other.usedFreshConnectionAfterReset)
        swap(&silence, &race.other.silence)
        swap(&attemptDeadline, &race.other.attemptDeadline)
        swap(&waitDeadline, &race.other.waitDeadline)
        swap(&attemptStarted, &race.other.attemptStarted)
        swap(&reading, &race.other.reading)
        swap(&hold, &race.other.hold)
        swap(&log, &race.other.log)
        swap(&record.firstByte, &race.other.firstByte)
        if let tape {
            let last = tape.lastPiece
            tape.lastPiece = race.other.lastPiece
            race.other.lastPiece = last
        }
    }

    /// In a replay: the attempt is looked at that was looked at then.
    mutating func enter(lane number: UInt8) {
        if lane != number { switchLanes() }
    }

    // MARK: Before

    /// Finds out when a second attempt is due; called when an attempt begins. Only the first one
    /// of an exchange is raced: what failed already is tried again and costs no more than that.
    mutating func planHedge(shard: inout Shard, at now: Instant) {
        hedgeAt = .distantFuture
        guard model >= 0, let policy = snapshot.models[Int(model)].hedging,
            record.attempts == 1, !isResuming, isHedgeable(policy), !isCounted(backend)
        else { return }
        let known = shard.number(of: backend, in: snapshot)
        shard.fleet.countHedgeable(backend: known, policy: policy, tokens: roughTokens)
        var wait = policy.delay
        if let percent = policy.percentile {
            var usual = shard.fleet.wait(
                percent: percent, model: upstreamName, isStream: facts?.stream == true,
                backend: known)
            if let tape { usual = tape.wait(usual) }
            if let usual { wait = max(usual, policy.delayMin) }
        }
        guard let wait else { return }
        hedgeAt = attemptStarted + wait
    }

    /// Whether the requests to `backend` are counted by an OverloadPolicy. A second attempt would
    /// be one that nobody counts, sent just when the backend is slow.
    private func isCounted(_ backend: BackendID) -> Bool {
        snapshot.backends[Int(backend)].overload >= 0
    }

    /// Whether a second answer to the request costs no more than its tokens, and these are few.
    private func isHedgeable(_ policy: HedgePolicy) -> Bool {
        guard let facts else { return false }
        switch operation {
        case .chat, .textCompletion, .embeddings, .rerank: break
        // The Responses API keeps what was said; the others are not worth it.
        case .none, .responses, .tokenize, .models: return false
        }
        let answers = max(answersAsked, facts.n ?? 1, facts.bestOf ?? 1)
        return answers == 1 && roughTokens <= policy.inputTokensMax
    }

    /// Tokens of the prompt, by a rough count: most languages need about four bytes for one.
    private var roughTokens: Int { 1 + (facts?.inputBytes ?? 0) / 4 }

    // MARK: The second attempt

    /// Begins a second attempt, where that may be; the first goes on.
    mutating func hedge(shard: inout Shard, at now: Instant) -> Step {
        hedgeAt = .distantFuture
        updateDeadline()
        guard race == nil, canReplay, isRequestComplete, isBegun, !answeredHead, mayAttempt,
            let policy = snapshot.models[Int(model)].hedging
        else { return Step() }
        let race = Race(Lane())
        race.other.modelTarget = modelTarget
        race.other.backend = backend
        race.other.tried = tried
        if let pick { race.other.tried.insert(pick.slot) }
        race.other.attemptsOnTarget = attemptsOnTarget
        self.race = race
        switchLanes()
        var step = Step()
        if let chosen = rivalEndpoint(policy, shard: &shard, at: now) {
            pick = chosen
            shard.countRetry(.hedge, backend: shard.number(of: backend, in: snapshot))
            record.flags.insert(.hedged)
            step = send(to: chosen, after: .zero, shard: &shard, at: now)
            step.dispatch = nil
            step.hedges = true
        }
        switchLanes()
        if !step.hedges { self.race = nil }
        updateDeadline()
        return step
    }

    /// Where a second attempt goes: another endpoint of the backend, else a fallback where the
    /// policy allows that; nil when there is none, or the budget is used up.
    private mutating func rivalEndpoint(
        _ policy: HedgePolicy, shard: inout Shard, at now: Instant
    ) -> Pick? {
        var found = rivalOnTarget(shard: &shard, at: now)
        if found == nil, policy.usesFallbacks { found = rivalOnFallback(shard: &shard, at: now) }
        guard let chosen = found else {
            tape?.say(.forward, "the answer is late, and there is no other endpoint to ask too")
            return nil
        }
        // The budget is a share of the requests to the backend that is late.
        let late = shard.number(of: race?.other.backend ?? backend, in: snapshot)
        let isAllowed = shard.fleet.allowHedge(backend: late, tokens: roughTokens)
        guard tape?.budget(isAllowed) ?? isAllowed else {
            tape?.say(.forward, "the answer is late, and the budget for second attempts is used up")
            return nil
        }
        guard noteHop(chosen, .hedge, shard) else { return nil }
        tape?.say(.forward, "the answer is late: another endpoint is asked too")
        return chosen
    }

    private mutating func rivalOnTarget(shard: inout Shard, at now: Instant) -> Pick? {
        guard attemptsOnTarget < retry.attempts, let target = currentTarget,
            standing(of: target, &shard, at: now).isClear,
            hopDenial(to: backend, &shard) == nil,
            let chosen = pickEndpoint(shard: &shard, at: now), !tried.contains(chosen.slot)
        else { return nil }
        return chosen
    }

    private mutating func rivalOnFallback(shard: inout Shard, at now: Instant) -> Pick? {
        let fallbacks = snapshot.models[Int(model)].fallbacks
        let carried = carried(shard, at: now)
        let first = modelTarget >= 0 ? 0 : -modelTarget
        for next in min(first, fallbacks.count)..<fallbacks.count {
            let target = fallbacks[next]
            guard !isCounted(target.backend), mayReach(target.backend, carried), suits(target),
                standing(of: target, &shard, at: now).isClear,
                hopDenial(to: target.backend, &shard) == nil
            else { continue }
            modelTarget = -1 - next
            backend = target.backend
            attemptsOnTarget = 0
            if missingCredential() == nil, let chosen = pickEndpoint(shard: &shard, at: now),
                !tried.contains(chosen.slot)
            {
                return chosen
            }
        }
        return nil
    }

    // MARK: The end

    /// The present attempt has failed; answers nil unless another one runs, which is the only one
    /// from now on.
    mutating func yieldToRival(shard: inout Shard, at now: Instant) -> Step? {
        guard let race, !race.isDecided else { return nil }
        tape?.say(.forward, "the other attempt goes on alone")
        countHedge(lane == 1 ? .failed : .tookOver, shard: &shard)
        let (failed, target, made) = (pick, modelTarget, attemptsOnTarget)
        switchLanes()
        self.race = nil
        if let failed { tried.insert(failed.slot) }
        // Both were attempts on the target.
        if modelTarget == target { attemptsOnTarget = max(attemptsOnTarget, made) }
        if modelTarget < 0, target >= 0 { record.flags.insert(.fallback) }
        updateDeadline()
        var step = Step()
        step.abandonsUpstream = true
        step.takesRival = true
        return step
    }

    /// The other attempt is over: the present one has won, or the exchange ends without an answer.
    package mutating func settleRace(shard: inout Shard, at now: Instant) {
        guard race != nil else { return }
        countHedge(answeredHead ? lane == 1 ? .won : .lost : .abandoned, shard: &shard)
        if answeredHead, modelTarget < 0 { record.flags.insert(.fallback) }
        switchLanes()
        if isBegun, phase != .dispatched { countLeft(shard: &shard) }
        // How long a second attempt would have taken that was made a moment ago nobody knows.
        if isBegun, answeredHead, lane == 0 { observeWait(shard: &shard, at: now) }
        endAttempt(.cancelled, .cancelled, shard: &shard, at: now)
        switchLanes()
        race = nil
        updateDeadline()
    }

    /// Learns how long the present attempt took to begin its answer, or had taken when it was
    /// given up.
    mutating func observeWait(shard: inout Shard, at now: Instant) {
        guard model >= 0, snapshot.models[Int(model)].hedging?.percentile != nil,
            !record.flags.contains(.resumed)
        else { return }
        let isStream = facts?.stream == true
        let begun = isStream ? firstTokenAt ?? now : now
        shard.fleet.observeWait(
            begun - attemptStarted, model: upstreamName, isStream: isStream,
            backend: shard.number(of: backend, in: snapshot))
    }

    private mutating func countHedge(_ outcome: HedgeOutcome, shard: inout Shard) {
        record.hedge = outcome
        let second = lane == 1 ? backend : race?.other.backend ?? backend
        let known = shard.number(of: second, in: snapshot)
        guard let series = shard.series(of: known) else { return }
        shard.metrics.countHedge(outcome, backend: series)
    }

    /// Counts what the server of the present attempt was told in vain.
    private mutating func countLeft(shard: inout Shard) {
        let tokens = UInt32(clamping: roughTokens)
        record.tokensLeft = tokens
        let known = shard.number(of: backend, in: snapshot)
        guard let series = shard.series(of: known) else { return }
        shard.metrics.countHedgeTokens(UInt64(tokens), backend: series)
    }
}
