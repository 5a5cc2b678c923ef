// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

extension Fleet {
    /// An attempt on `slot` begins: one more in flight.
    package mutating func begin(_ slot: EndpointSlot, at now: Instant) {
        guard let place = place(of: slot), states[place].inFlight < .max else {
            misuses += 1
            return
        }
        states[place].inFlight += 1
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
    }

    /// An attempt on `slot` has ended: one less in flight, its last byte included. Answers with
    /// the ejection that followed from it, if any.
    package mutating func end(
        _ slot: EndpointSlot, _ outcome: Outcome, at now: Instant
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
        switch outcome {
        case .cancelled:
            return nil
        case .failure:
            states[place].latency.penalize(at: now)
            return count(place, failed: true, at: now)
        case .success:
            return count(place, failed: false, at: now)
        }
    }

    /// Takes one result into the record of an endpoint and ejects it if it must.
    private mutating func count(_ place: Int, failed: Bool, at now: Instant) -> Ejection? {
        let number = Int(states[place].backend)
        // What was sent before an ejection says nothing about the time after it.
        guard let policy = pools[number].outlier, !states[place].isEjected else { return nil }
        states[place].record.count(failed: failed, interval: policy.interval, at: now)
        guard failed, let reason = states[place].record.reason(under: policy),
            states[place].isAvailable, pools[number].mayEject(under: policy)
        else { return nil }
        let until = now + states[place].record.nextEjection(under: policy, at: now)
        update(place) { state in
            state.isEjected = true
            state.record.until = until
        }
        ejected.append(Int32(place))
        nextReturn = min(nextReturn, until)
        return Ejection(
            backend: states[place].backend, endpoint: states[place].endpoint, reason: reason,
            until: until)
    }

    /// Takes back the ejected endpoints whose time is over. Call it every 100 ms or so; a pick
    /// does it too.
    ///
    /// **Complexity** O(1) before the first return is due, else O(ejected).
    package mutating func tick(at now: Instant) {
        guard now >= nextReturn else { return }
        for place in ejected where states[Int(place)].record.until <= now {
            takeBack(Int(place), at: now)
        }
        ejected.removeAll { !states[Int($0)].isEjected }
        scheduleReturn()
    }

    /// Ends the ejection at `place`: the endpoint is judged as if it were new, but for how often
    /// it was ejected. The caller keeps `ejected` and `nextReturn` true.
    mutating func takeBack(_ place: Int, at now: Instant) {
        update(place) { state in
            state.isEjected = false
            state.record.until = min(state.record.until, now)
            state.record.restart(at: now)
            state.latency = LatencyEstimate(at: now)
        }
    }

    /// Finds out when the next ejection ends.
    mutating func scheduleReturn() {
        nextReturn = .distantFuture
        for place in ejected { nextReturn = min(nextReturn, states[Int(place)].record.until) }
    }
}
