// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
package import MeshRouting
import MeshSnapshot
import MeshTelemetry

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

    /// Finds out when a second attempt is due; called when the first begins.
    mutating func planHedge(shard: inout Shard, at now: Instant) {
        guard model >= 0, let policy = snapshot.models[Int(model)].hedging,
            record.attempts == 1, !isResuming, isHedgeable(policy)
        else { return }
        let known = shard.number(of: backend, in: snapshot)
        shard.fleet.countHedgeable(backend: known, at: now)
        var wait = policy.delay
        if let percent = policy.percentile {
            let found = shard.fleet.wait(
                percent: percent, model: presentUpstreamName, isStream: facts?.stream == true,
                backend: known)
            if let usual = tape?.wait(found) ?? found { wait = max(usual, policy.delayMin) }
        }
        guard let wait else { return }
        hedgeAt = attemptStarted + wait
    }

    /// Whether a second answer to the request costs no more than its tokens.
    private func isHedgeable(_ policy: HedgePolicy) -> Bool {
        guard let facts else { return false }
        switch operation {
        case .chat, .textCompletion, .embeddings, .rerank: break
        // The Responses API keeps what was said; the others are not worth it.
        case .none, .responses, .tokenize, .models: return false
        }
        let answers = max(facts.n ?? 1, facts.bestOf ?? 1)
        // Few languages need fewer than two bytes for a token.
        return answers == 1 && facts.inputBytes / 4 <= policy.inputTokensMax
    }

    /// Begins a second attempt, where that may be; the first goes on.
    mutating func hedge(shard: inout Shard, at now: Instant) -> Step {
        hedgeAt = .distantFuture
        updateDeadline()
        guard race == nil, canReplay, isRequestComplete, mayAttempt, !answeredHead,
            let policy = snapshot.models[Int(model)].hedging
        else { return Step() }
        var passed = tried
        if let pick { passed.insert(pick.slot) }
        let race = Race(Lane())
        race.other.modelTarget = modelTarget
        race.other.backend = backend
        race.other.tried = passed
        race.other.attemptsOnTarget = attemptsOnTarget
        self.race = race
        switchLanes()
        if let chosen = rivalEndpoint(policy, shard: &shard, at: now) {
            pick = chosen
            shard.countRetry(.hedge, backend: shard.number(of: backend, in: snapshot))
            record.flags.insert(.hedged)
            var step = send(to: chosen, after: .zero, shard: &shard, at: now)
            step.dispatch = nil
            step.hedges = true
            switchLanes()
            updateDeadline()
            return step
        }
        switchLanes()
        self.race = nil
        updateDeadline()
        return Step()
    }

    /// Where a second attempt goes: another endpoint of the backend, else a fallback where the
    /// policy allows that; nil when there is none, or the budget is used up.
    private mutating func rivalEndpoint(
        _ policy: HedgePolicy, shard: inout Shard, at now: Instant
    ) -> Pick? {
        var found = pickEndpoint(shard: &shard, at: now)
        if let same = found, tried.contains(same.slot) { found = nil }
        if found == nil, policy.usesFallbacks, let next = nextFallback {
            let target = snapshot.models[Int(model)].fallbacks[next]
            guard mayReach(target.backend, carried(shard, at: now)),
                standing(of: target, &shard, at: now).isClear,
                hopDenial(to: target.backend, &shard) == nil
            else { return nil }
            modelTarget = -1 - next
            backend = target.backend
            attemptsOnTarget = 0
            tried = Tried()
            guard missingCredential() == nil else { return nil }
            found = pickEndpoint(shard: &shard, at: now)
        }
        guard let chosen = found else {
            tape?.say(.forward, "the answer is late, and there is no other endpoint to ask too")
            return nil
        }
        let known = shard.number(of: backend, in: snapshot)
        let isAllowed = shard.fleet.allowHedge(
            backend: known, percent: policy.budgetPercent, at: now)
        guard tape?.budget(isAllowed) ?? isAllowed else {
            tape?.say(.forward, "the answer is late, and the budget for second attempts is used up")
            return nil
        }
        guard noteHop(chosen, .hedge) else { return nil }
        tape?.say(.forward, "the answer is late: another endpoint is asked too")
        return chosen
    }

    /// The present attempt has failed; answers nil unless another one runs, which is the only one
    /// from now on.
    mutating func yieldToRival(at now: Instant) -> Step? {
        guard let race, !race.isDecided else { return nil }
        tape?.say(.forward, "the other attempt goes on alone")
        switchLanes()
        self.race = nil
        updateDeadline()
        var step = Step()
        step.abandonsUpstream = true
        step.takesRival = true
        return step
    }

    /// The present attempt has won: the other one is over.
    package mutating func settleRace(shard: inout Shard, at now: Instant) {
        guard race != nil else { return }
        switchLanes()
        if isBegun { observeWait(shard: &shard, at: now) }
        endAttempt(.cancelled, .cancelled, shard: &shard, at: now)
        switchLanes()
        race = nil
        updateDeadline()
    }

    /// Learns how long the present attempt took to begin its answer, or had taken when it was
    /// given up.
    mutating func observeWait(shard: inout Shard, at now: Instant) {
        guard model >= 0, snapshot.models[Int(model)].hedging?.percentile != nil else { return }
        let isStream = facts?.stream == true
        let begun = isStream ? firstTokenAt ?? now : now
        shard.fleet.observeWait(
            begun - attemptStarted, model: presentUpstreamName, isStream: isStream,
            backend: shard.number(of: backend, in: snapshot))
    }
}
