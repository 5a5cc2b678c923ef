// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension Exchange {
    /// A connection to the dispatched endpoint is at hand and the request goes out on it.
    package mutating func requestSent(at now: Instant) {
        noteProgress(.sent, at: now)
        if phase == .dispatched { phase = .sent }
        wasAsked = true
        if let receipt = record.residency, let pick {
            let endpoint = snapshot.endpoints[Int(pick.endpoint)]
            record.residency = receipt.sent(
                to: endpoint.authority, of: snapshot.backends[Int(endpoint.backend)].name)
        }
        if record.connect == nil { record.connect = now - attemptStarted }
        if isRequestComplete { waitForHead(at: now) } else { waitForBody(at: now) }
        notedProgress()
    }

    /// The endpoint has the whole request and must begin to answer.
    mutating func waitForHead(at now: Instant) {
        waitDeadline = timeouts.firstByte.map { now + $0 } ?? .distantFuture
        updateDeadline()
    }

    /// The attempt ended before an answer's head was read.
    package mutating func attemptFailed(
        _ failure: AttemptFailure, shard: inout Shard, at now: Instant
    ) -> Step {
        guard phase == .dispatched || phase == .sent else { return Step() }
        note(.attemptFailed, shard, at: now)
        tape?.amend { $0.text = failure.label }
        return noted(answerFailure(failure, shard: &shard, at: now), &shard)
    }

    private mutating func answerFailure(
        _ failure: AttemptFailure, shard: inout Shard, at now: Instant
    ) -> Step {
        if case .reset(wasReused: true) = failure, canReplay, !usedFreshConnectionAfterReset,
            let pick, isStillAdmitted(pick, shard, at: now)
        {
            // The endpoint closed a connection that it had kept open; that says nothing of it.
            usedFreshConnectionAfterReset = true
            phase = .dispatched
            waitDeadline = now + timeouts.connect
            updateDeadline()
            var step = Step()
            step.abandonsUpstream = true
            step.needsFreshConnection = true
            step.dispatch = pick
            return step
        }
        let (result, code, allowed, reason): (AttemptResult, Refusal.Code, Bool, RetryReason) =
            switch failure {
            case .connect:
                (.connectFailure, .upstreamUnreachable, retry.onConnectFailure, .connectFailure)
            case .connectTimeout:
                (.connectFailure, .upstreamUnreachable, retry.onConnectFailure, .connectFailure)
            case .reset: (.reset, .upstreamReset, retry.onReset, .reset)
            case .malformed:
                // Only a model is known to do nothing twice that matters when it is asked twice.
                (
                    .protocolError, .upstreamMalformed, model >= 0 && retry.onInvalidAnswer,
                    .invalidAnswer
                )
            }
        endAttempt(.failure, result, shard: &shard, at: now)
        silence = failure == .connectTimeout ? .upstreamUnreachable : nil
        if var step = tryAgain(
            allowed: allowed, reason, retryAfter: nil, shard: &shard, at: now)
        {
            step.abandonsUpstream = true
            return step
        }
        return refuse(failureRefusal(code), shard: &shard, at: now)
    }

    /// One of the limits that `deadline` stands for may have passed.
    package mutating func timerFired(shard: inout Shard, at now: Instant) -> Step {
        guard now >= deadline, phase != .asking, phase != .queued else { return Step() }
        note(.timer, shard, at: now)
        return noted(answerDeadline(shard: &shard, at: now), &shard)
    }

    private mutating func answerDeadline(shard: inout Shard, at now: Instant) -> Step {
        if now >= hedgeAt, now < min(requestDeadline, attemptDeadline, waitDeadline) {
            return hedge(shard: &shard, at: now)
        }
        switch phase {
        // Only the driver has at hand what the exchange needs to go on: it says that the engine
        // did not answer, or that the wait at the turnstile is over.
        case .idle, .asking, .queued, .done: return Step()
        case .identifying: return refuseUnidentified(shard: &shard, at: now)
        case .collecting:
            return refuse(Refusal(.requestTimeout), shard: &shard, at: now)
        case .relaying:
            if isPaused, now < min(requestDeadline, attemptDeadline) {
                // The caller stopped reading: that is as good as leaving.
                return clientGone(shard: &shard, at: now)
            }
            let code: Refusal.Code =
                now >= waitDeadline && now < min(requestDeadline, attemptDeadline)
                ? .streamStalled : .upstreamTimeout
            return loseAnswer(Refusal(code), .timeout, shard: &shard, at: now)
        case .holding:
            if now >= requestDeadline {
                endAttempt(.failure, .timeout, shard: &shard, at: now)
                return refuse(Refusal(.upstreamTimeout), shard: &shard, at: now)
            }
            let code: Refusal.Code =
                now >= attemptDeadline
                ? .upstreamTimeout : hold.isOpen ? .answerTruncated : .firstByteTimeout
            return loseHeldAnswer(code, .timeout, shard: &shard, at: now)
        case .dispatched, .sent:
            if now >= requestDeadline {
                endAttempt(.failure, .timeout, shard: &shard, at: now)
                return refuse(Refusal(.upstreamTimeout), shard: &shard, at: now)
            }
            if phase == .dispatched, now < attemptDeadline {
                return attemptFailed(.connectTimeout, shard: &shard, at: now)
            }
            if !isRequestComplete, !isPaused, now < attemptDeadline {
                // The caller is the one who is waited for.
                endAttempt(.cancelled, .cancelled, shard: &shard, at: now)
                return refuse(Refusal(.requestTimeout), shard: &shard, at: now)
            }
            let code: Refusal.Code =
                now >= attemptDeadline ? .upstreamTimeout : .firstByteTimeout
            endAttempt(.failure, .timeout, shard: &shard, at: now)
            silence = code
            if var step = tryAgain(
                allowed: retry.onTimeout, .timeout, retryAfter: nil, shard: &shard, at: now)
            {
                step.abandonsUpstream = true
                return step
            }
            return refuse(Refusal(code), shard: &shard, at: now)
        }
    }

    /// The caller went away.
    package mutating func clientGone(shard: inout Shard, at now: Instant) -> Step {
        guard phase != .idle, phase != .done else { return Step() }
        note(.clientGone, shard, at: now)
        record.flags.insert(.clientAborted)
        if isBegun { endAttempt(.cancelled, .cancelled, shard: &shard, at: now) }
        if record.status == 0 { record.status = 499 }
        keepsAlive = false
        var step = Step()
        step.abandonsUpstream = true
        step.closesClient = true
        finish(&step, shard: &shard, at: now)
        return noted(step, &shard)
    }

    /// The process stops and can wait no longer.
    package mutating func cutOff(shard: inout Shard, at now: Instant) -> Step {
        guard phase != .idle, phase != .done else { return Step() }
        note(.cutOff, shard, at: now)
        if phase == .relaying {
            let step = breakAnswer(Refusal(.draining), .cancelled, shard: &shard, at: now)
            return noted(step, &shard)
        }
        endAttempt(.cancelled, .cancelled, shard: &shard, at: now)
        return noted(refuse(Refusal(.draining), shard: &shard, at: now), &shard)
    }

    /// Another attempt where a failure of this kind leaves hope; nil when there is none to make.
    mutating func tryElsewhere(
        _ kind: ErrorClass, _ reason: RetryReason, shard: inout Shard, at now: Instant
    ) -> Step? {
        if kind != .never, let step = yieldToRival(shard: &shard, at: now) { return step }
        switch kind {
        case .never: return nil
        case .sameEndpoint:
            if let step = trySame(reason, shard: &shard, at: now) { return step }
            return tryAgain(
                allowed: isRetried(reason), reason, retryAfter: nil, shard: &shard, at: now)
        case .otherEndpoint:
            return tryAgain(
                allowed: isRetried(reason), reason, retryAfter: nil, shard: &shard, at: now)
        case .otherTarget: break
        case .largerContext: contextFloor = currentTarget?.capabilities.contextTokens ?? 0
        }
        guard now < requestDeadline else { return nil }
        return nextTarget(shard: &shard, at: now)
    }

    /// Whether the policy wants another attempt after a failure of an answer that was kept back.
    private func isRetried(_ reason: RetryReason) -> Bool {
        switch reason {
        case .timeout: retry.onTimeout
        case .invalidAnswer: retry.onInvalidAnswer
        case .connectFailure, .reset, .status, .fallback, .hedge, .resume: retry.onReset
        }
    }

    /// Another attempt at the same endpoint, on a connection of its own, which did not look at the
    /// request; nil when that was tried before or may not be.
    private mutating func trySame(
        _ reason: RetryReason, shard: inout Shard, at now: Instant
    ) -> Step? {
        guard let pick, canReplay, retry.onReset, attemptsOnTarget < retry.attempts,
            !usedFreshConnectionAfterReset, now < requestDeadline, mayAttempt,
            isStillAdmitted(pick, shard, at: now), noteHop(pick, .retry, shard)
        else { return nil }
        let known = shard.number(of: backend, in: snapshot)
        let isAllowed = shard.fleet.allowRetry(backend: known, policy: retry, at: now)
        guard tape?.budget(isAllowed) ?? isAllowed else {
            tape?.say(.forward, "the retry budget of the backend is used up")
            shard.metrics.mesh.retryBudgetExhausted += 1
            return nil
        }
        usedFreshConnectionAfterReset = true
        shard.countRetry(reason, backend: known)
        record.flags.insert(.retried)
        var step = send(to: pick, after: .zero, shard: &shard, at: now)
        step.needsFreshConnection = true
        return step
    }

    /// Another attempt on this target, or on the next one; nil when there is none to make.
    mutating func tryAgain(
        allowed: Bool, _ reason: RetryReason, retryAfter: Nanoseconds?, shard: inout Shard,
        at now: Instant
    ) -> Step? {
        if let step = yieldToRival(shard: &shard, at: now) { return step }
        guard canReplay, now < requestDeadline else {
            tape?.say(
                .forward,
                canReplay
                    ? "no time is left for another attempt"
                    : "the body is gone, so the request cannot be sent again")
            return nil
        }
        guard mayAttempt else { return nil }
        if !allowed {
            tape?.say(.forward, "\(reason.label) is not retried by this policy")
        } else if attemptsOnTarget >= retry.attempts {
            tape?.say(.forward, "all \(retry.attempts) attempts on this target were made")
        }
        if allowed, attemptsOnTarget < retry.attempts {
            let known = shard.number(of: backend, in: snapshot)
            let isAllowed = shard.fleet.allowRetry(backend: known, policy: retry, at: now)
            if tape?.budget(isAllowed) ?? isAllowed {
                let isFirstConnect = reason == .connectFailure && attemptsOnTarget == 1
                let delay =
                    isFirstConnect
                    ? Nanoseconds.zero
                    : Backoff.delay(
                        attempt: attemptsOnTarget, policy: retry, retryAfter: retryAfter,
                        using: &shard.random)
                if let delay {
                    if let pick { tried.insert(pick.slot) }
                    tape?.say(.forward, "\(reason.label): tried again")
                    shard.countRetry(reason, backend: known)
                    record.flags.insert(.retried)
                    return dispatch(after: delay, shard: &shard, at: now)
                }
            } else {
                tape?.say(.forward, "the retry budget of the backend is used up")
                shard.metrics.mesh.retryBudgetExhausted += 1
            }
        }
        return nextTarget(shard: &shard, at: now)
    }

    /// The present attempt is over for the endpoint's statistics. Does nothing a second time.
    mutating func endAttempt(
        _ outcome: Outcome, _ result: AttemptResult, shard: inout Shard, at now: Instant
    ) {
        guard isBegun, let pick else { return }
        isBegun = false
        if outcome == .failure, arm >= 0 { armFailed = true }
        if turnstile != nil, result == .timeout { noteTimeout(shard: &shard, at: now) }
        let known = shard.number(of: backend, in: snapshot)
        shard.countAttempt(result, backend: known)
        if let ejection = shard.fleet.end(pick.slot, outcome, trial, at: now) {
            shard.countEjection(Self.metric(ejection.reason), backend: ejection.backend)
        }
        endModelAttempt(outcome, on: known, shard: &shard, at: now)
        trial = []
    }

    /// Whether the gate of `pick` is open still: evidence may have expired since it was picked.
    func isStillAdmitted(
        _ pick: Pick, _ shard: borrowing Shard, at now: Instant
    ) -> Bool {
        labels.isEmpty
            || snapshot.residency.gates[Int(pick.endpoint)].admits(carried(shard, at: now))
    }

    static func metric(_ reason: Ejection.Reason) -> EjectionReason {
        switch reason {
        case .consecutiveFailures: .consecutiveErrors
        case .successRate: .errorRate
        case .latency: .latency
        case .trial: .trial
        }
    }

    func failureRefusal(_ code: Refusal.Code) -> Refusal {
        guard backend >= 0, let pick, Int(pick.endpoint) < snapshot.endpoints.count else {
            return Refusal(code)
        }
        let name = snapshot.backends[Int(backend)].name
        let made = record.attempts == 1 ? "1 attempt" : "\(record.attempts) attempts"
        return Refusal(code, message: "\(code.summary) (backend \(name), \(made))")
    }
}
