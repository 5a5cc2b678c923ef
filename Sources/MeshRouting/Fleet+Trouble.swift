// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Fleet {
    /// Whether `standing` may say anything but that all is clear.
    package var hasTroubles: Bool { !cooled.isEmpty || troubleCount > 0 }

    /// How `backend` stands with the upstream model called `model` (nil for the caller's own name)
    /// at `now`, which may lie ahead.
    ///
    /// **Complexity** O(1) when nothing cools down or is broken anywhere, else O(troubles of the
    /// backend + its endpoints).
    package func standing(
        of backend: BackendID, model: [UInt8]?, at now: Instant
    ) -> Standing {
        guard hasTroubles, pools.indices.contains(Int(backend)) else { return .clear }
        let pool = pools[Int(backend)]
        var until = Instant(nanoseconds: 0)
        var standing = Standing.clear
        for trouble in pool.troubles where trouble.model == nil || trouble.model == model {
            until = max(until, trouble.coolUntil)
            guard trouble.isBroken else { continue }
            if trouble.brokenUntil > now {
                standing = .broken(until: trouble.brokenUntil)
            } else if trouble.isTried, standing.isClear {
                standing = .onTrial
            }
        }
        if until > now { return .cooling(until: until) }
        if let first = firstReturn(to: pool, at: now) { return .cooling(until: first) }
        return standing
    }

    /// Whether no endpoint of `backend` takes traffic at `now`, or it has none.
    package mutating func isDown(_ backend: BackendID, at now: Instant) -> Bool {
        if now >= nextReturn { tick(at: now) }
        guard pools.indices.contains(Int(backend)) else { return true }
        return pools[Int(backend)].availableCount == 0
    }

    /// When the first of the endpoints is back that could take traffic but for their cool-downs;
    /// nil when one takes traffic, or none cools down.
    private func firstReturn(to pool: Pool, at now: Instant) -> Instant? {
        guard !cooled.isEmpty else { return nil }
        var first = Instant.distantFuture
        for place in pool.members {
            let state = states[Int(place)]
            guard state.isHealthy, !state.isEjected, !state.isTried else { continue }
            if !state.isCooling || state.coolUntil <= now { return nil }
            first = min(first, state.coolUntil)
        }
        return first == .distantFuture ? nil : first
    }

    /// A server of `backend` asked for a pause of `hint`, or for one without saying for how long.
    /// Answers how long it gets, or nil when the backend's policy gives none.
    ///
    /// **Shape** `slot` is the endpoint that is meant, nil for all of them; `model` the upstream
    /// model, nil for all of them. A pause is never made shorter.
    package mutating func coolDown(
        _ backend: BackendID, slot: EndpointSlot?, model: [UInt8]?, hint: Nanoseconds?,
        at now: Instant
    ) -> Nanoseconds? {
        guard pools.indices.contains(Int(backend)),
            let policy = pools[Int(backend)].coolDown
        else { return nil }
        let length: Nanoseconds
        var news = CoolDown(backend: pools[Int(backend)].name, model: model, until: now)
        if let slot {
            guard let place = place(of: slot), states[place].endpoint >= 0 else { return nil }
            length = policy.length(hint: hint, unhinted: states[place].unhinted)
            if hint == nil { states[place].unhinted &+= 1 }
            news.authority = identities[place].authority
            news.until = now + length
            cool(place, until: news.until)
        } else {
            let place = openTrouble(Int(backend), model, at: now)
            let known = pools[Int(backend)].troubles[place]
            length = policy.length(hint: hint, unhinted: known.unhinted)
            if hint == nil { pools[Int(backend)].troubles[place].unhinted &+= 1 }
            news.until = now + length
            pools[Int(backend)].troubles[place].coolUntil = max(known.coolUntil, news.until)
        }
        if outbox.count < Limits.news { outbox.append(news) }
        return length
    }

    /// Another shard heard of a cool-down. Says nothing when the fleet does not know what is
    /// meant.
    package mutating func adopt(_ news: CoolDown, at now: Instant) {
        guard news.until > now else { return }
        if let authority = news.authority {
            var identity = Identity(backend: news.backend, authority: authority, ordinal: 0)
            while let place = places[identity] {
                cool(Int(place), until: news.until)
                identity.ordinal += 1
            }
            return
        }
        guard let number = pools.firstIndex(where: { $0.name == news.backend }),
            pools[number].coolDown != nil
        else { return }
        let place = openTrouble(number, news.model, at: now)
        let until = max(pools[number].troubles[place].coolUntil, news.until)
        pools[number].troubles[place].coolUntil = until
    }

    /// Whether there is something that other shards have not heard of.
    package var hasNews: Bool { !outbox.isEmpty }

    /// What other shards have not heard of yet.
    package mutating func takeNews() -> [CoolDown] {
        let news = outbox
        outbox = []
        return news
    }

    private mutating func cool(_ place: Int, until: Instant) {
        guard states[place].isUsable, until > states[place].coolUntil else { return }
        let isNew = !states[place].isCooling
        update(place) { state in
            state.isCooling = true
            state.coolUntil = until
        }
        if isNew { cooled.append(Int32(place)) }
        nextReturn = min(nextReturn, until)
    }

    /// The place of the trouble of the pool at `number` with `model`.
    mutating func openTrouble(_ number: Int, _ model: [UInt8]?, at now: Instant) -> Int {
        let before = pools[number].troubles.count
        let place = pools[number].trouble(with: model, at: now)
        troubleCount += pools[number].troubles.count - before
        return place
    }

    // MARK: Circuits

    /// An attempt for `model` of the pool at `number` begins; whether it is its trial.
    mutating func beginModel(_ number: Int, _ model: [UInt8], at now: Instant) -> Bool {
        guard !pools[number].troubles.isEmpty,
            let place = pools[number].troubles.firstIndex(where: { $0.model == model })
        else { return false }
        let trouble = pools[number].troubles[place]
        guard trouble.isBroken, trouble.brokenUntil <= now, !trouble.isTried else { return false }
        pools[number].troubles[place].isTried = true
        return true
    }

    /// An attempt for `model` of the pool at `number` has ended; answers whether its circuit
    /// opened by that.
    mutating func endModel(
        _ number: Int, _ model: [UInt8], _ outcome: Outcome, isTrial: Bool, at now: Instant
    ) -> Bool {
        let known = pools[number].troubles.firstIndex { $0.model == model }
        switch outcome {
        case .cancelled:
            if let known, isTrial { pools[number].troubles[known].isTried = false }
            return false
        case .success:
            guard let known else { return false }
            // What was sent before the circuit opened does not close it.
            guard isTrial || !pools[number].troubles[known].isBroken else { return false }
            pools[number].troubles[known].failuresInRow = 0
            pools[number].troubles[known].unhinted = 0
            pools[number].troubles[known].brokenUntil = Instant(nanoseconds: 0)
            pools[number].troubles[known].isTried = false
            if pools[number].troubles[known].isOver(at: now) {
                pools[number].troubles.remove(at: known)
                troubleCount -= 1
            }
            return false
        case .failure:
            guard let policy = pools[number].outlier, policy.consecutiveFailures > 0 else {
                return false
            }
            let place = known ?? openTrouble(number, model, at: now)
            if isTrial {
                pools[number].troubles[place].isTried = false
                pools[number].troubles[place].brokenUntil = now + policy.baseEjectionTime
                return true
            }
            guard !pools[number].troubles[place].isBroken else { return false }
            pools[number].troubles[place].failuresInRow &+= 1
            let failures = Int(pools[number].troubles[place].failuresInRow)
            guard failures >= policy.consecutiveFailures else { return false }
            pools[number].troubles[place].brokenUntil = now + policy.baseEjectionTime
            return true
        }
    }
}
