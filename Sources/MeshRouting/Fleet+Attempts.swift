// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Fleet {
    /// An attempt on `slot` begins: one more in flight. Answers what it finds out for others,
    /// which its end is told.
    @discardableResult
    package mutating func begin(_ slot: EndpointSlot, at now: Instant) -> Trial {
        guard let place = place(of: slot), states[place].inFlight < .max else {
            misuses += 1
            return []
        }
        states[place].inFlight += 1
        guard states[place].isOnTrial, !states[place].isTried, !states[place].isEjected else {
            return []
        }
        update(place) { $0.isTried = true }
        return .endpoint
    }

    /// The same attempt is for the upstream model called `model` on `backend`.
    package mutating func begin(
        model: [UInt8], on backend: BackendID, at now: Instant
    ) -> Trial {
        guard pools.indices.contains(Int(backend)) else { return [] }
        return beginModel(Int(backend), model, at: now) ? .model : []
    }

    /// It has ended; answers whether the circuit of `model` opened by that.
    package mutating func end(
        model: [UInt8], on backend: BackendID, _ outcome: Outcome, _ trial: Trial,
        at now: Instant
    ) -> Bool {
        guard pools.indices.contains(Int(backend)) else { return false }
        return endModel(
            Int(backend), model, outcome, isTrial: trial.contains(.model), at: now)
    }

    /// The first byte of an answer came `latency` after the request was sent.
    package mutating func firstByte(
        _ slot: EndpointSlot, after latency: Nanoseconds, at now: Instant
    ) {
        guard let place = place(of: slot) else {
            misuses += 1
            return
        }
        states[place].latency.observe(latency, at: now)
        guard states[place].endpoint >= 0,
            pools[Int(states[place].backend)].outlier?.latencyPercentMax ?? 0 > 0
        else { return }
        states[place].record.count(answerAfter: latency)
    }

    /// An attempt on `slot` has ended: one less in flight, its last byte included. Answers with
    /// the ejection that followed from it, if any.
    package mutating func end(
        _ slot: EndpointSlot, _ outcome: Outcome, _ trial: Trial = [], at now: Instant
    ) -> Ejection? {
        guard let place = place(of: slot), states[place].inFlight > 0 else {
            misuses += 1
            return nil
        }
        states[place].inFlight -= 1
        guard states[place].endpoint >= 0 else {
            if states[place].inFlight == 0 { release(place) }
            return nil
        }
        // With nothing left in flight the trial has ended too, whoever forgot to say so.
        if states[place].isTried, trial.contains(.endpoint) || states[place].inFlight == 0 {
            return decide(place, outcome, at: now)
        }
        switch outcome {
        case .cancelled:
            return nil
        case .failure:
            states[place].latency.penalize(at: now)
            return count(place, failed: true, at: now)
        case .success:
            states[place].unhinted = 0
            return count(place, failed: false, at: now)
        }
    }

    /// The request has ended that was to find out whether the endpoint at `place` works again.
    private mutating func decide(
        _ place: Int, _ outcome: Outcome, at now: Instant
    ) -> Ejection? {
        update(place) { state in
            state.isTried = false
            if outcome == .success { state.isOnTrial = false }
        }
        let number = Int(states[place].backend)
        guard outcome == .failure, let policy = pools[number].outlier,
            !states[place].isEjected
        else { return nil }
        guard pools[number].mayEject(under: policy) else {
            // Nobody else is left, so it counts as one of the others.
            update(place) { $0.isOnTrial = false }
            return nil
        }
        // A trial that fails costs one request: it is no reason to wait longer for the next.
        return eject(
            place, .trial, until: now + min(policy.baseEjectionTime, policy.ejectionTimeMax))
    }

    mutating func eject(
        _ place: Int, _ reason: Ejection.Reason, until: Instant
    ) -> Ejection {
        update(place) { state in
            state.isEjected = true
            state.isOnTrial = false
            state.record.until = until
        }
        ejected.append(Int32(place))
        nextReturn = min(nextReturn, until)
        return Ejection(
            backend: states[place].backend, endpoint: states[place].endpoint, reason: reason,
            until: until)
    }

    /// Takes one result into the record of an endpoint and ejects it if it must.
    private mutating func count(_ place: Int, failed: Bool, at now: Instant) -> Ejection? {
        let number = Int(states[place].backend)
        // What was sent before an ejection says nothing about the time after it.
        guard let policy = pools[number].outlier, !states[place].isEjected,
            !states[place].isOnTrial
        else { return nil }
        states[place].record.count(failed: failed, interval: policy.interval, at: now)
        guard failed, let reason = states[place].record.reason(under: policy),
            states[place].isAvailable, pools[number].mayEject(under: policy)
        else { return nil }
        let until = now + states[place].record.nextEjection(under: policy, at: now)
        return eject(place, reason, until: until)
    }

    /// Takes back the endpoints whose ejection or cool-down is over. Call it every 100 ms or so; a
    /// pick does it too.
    ///
    /// **Complexity** O(1) before the first return is due, else O(ejected and cooling).
    package mutating func tick(at now: Instant) {
        guard now >= nextReturn else { return }
        for place in cooled where states[Int(place)].coolUntil <= now {
            update(Int(place)) { $0.isCooling = false }
        }
        cooled.removeAll { !states[Int($0)].isCooling }
        for place in ejected where states[Int(place)].record.until <= now {
            takeBack(Int(place), at: now)
        }
        ejected.removeAll { !states[Int($0)].isEjected }
        scheduleReturn()
    }

    /// Ends the ejection at `place`: one request is tried, and then the endpoint is judged as if it
    /// were new, but for how often it was ejected. The caller keeps `ejected` and `nextReturn`
    /// true.
    mutating func takeBack(_ place: Int, at now: Instant) {
        update(place) { state in
            state.isEjected = false
            state.isOnTrial = true
            state.isTried = false
            state.record.until = min(state.record.until, now)
            state.record.restart(at: now)
            state.latency = LatencyEstimate(at: now)
        }
    }

    /// Finds out when the next ejection or cool-down ends.
    mutating func scheduleReturn() {
        nextReturn = .distantFuture
        for place in cooled { nextReturn = min(nextReturn, states[Int(place)].coolUntil) }
        for place in ejected { nextReturn = min(nextReturn, states[Int(place)].record.until) }
    }
}
