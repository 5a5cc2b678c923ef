// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Fleet {
    /// An endpoint of `backend` for the next attempt; nil when it has none that takes traffic.
    ///
    /// Endpoints that are unhealthy, ejected or `tried` are left out, and those that are on trial
    /// once a request tries them. When every endpoint is unhealthy or ejected, or more than the
    /// policy's `panicPercent` of them, all of them count as fit: a request that may fail is
    /// better than one that must (panic). One that cools down said itself that it takes nothing:
    /// it is no choice even then, and there is none when all do. When every fit endpoint was
    /// tried, one of them is chosen again; a caller that would rather go elsewhere asks
    /// `tried.contains(pick.slot)`.
    ///
    /// An endpoint whose gate is shut for what is `carried` does not exist for the pick: not in
    /// panic, not when all others were tried. Nothing that is sent anywhere gets an endpoint but
    /// from here.
    ///
    /// **Shape** `hash` is that of the header value the backend's ring goes by; nil (no such
    /// header) draws at random. **Complexity** O(1), O(log n) in turn by unequal weights and on
    /// a ring; O(n) at most when draws hit nothing but what was tried, once after endpoints
    /// came or went, and where some endpoint's gate asks for a label that is carried.
    /// **Source** Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.
    package mutating func pick(
        backend: BackendID, carrying carried: Carried, hash: UInt64?, tried: borrowing Tried,
        using random: inout SplitMix64, at now: Instant
    ) -> Pick? {
        if now >= nextReturn { tick(at: now) }
        let number = Int(backend)
        guard pools.indices.contains(number) else { return nil }
        if pools[number].isStale { refresh(number) }
        guard pools[number].sampler.count > 0 else { return nil }
        if pools[number].gated.isDisjoint(with: carried.labels) {
            return pick(number, hash: hash, tried, nil, using: &random, at: now)
        }
        // Drawn from as if the others were not there, by the same code.
        var sampler = admitted(number, carried)
        guard sampler.count > 0 else { return nil }
        swap(&sampler, &pools[number].sampler)
        defer { swap(&sampler, &pools[number].sampler) }
        return pick(number, hash: hash, tried, carried, using: &random, at: now)
    }

    /// A pick from the sampler of the pool at `number`, which is not empty; `carried` when it
    /// holds only endpoints whose gates are open for that.
    private mutating func pick(
        _ number: Int, hash: UInt64?, _ tried: borrowing Tried, _ carried: Carried?,
        using random: inout SplitMix64, at now: Instant
    ) -> Pick {
        let place: Int32
        switch pools[number].choice {
        case .latency:
            place = betterOfTwo(number, tried, byLatency: true, using: &random, at: now)
        case .load:
            place = betterOfTwo(number, tried, byLatency: false, using: &random, at: now)
        case .turn:
            place = nextInTurn(number, tried, using: &random)
        case .ring:
            place = onRing(number, hash: hash, tried, carried, using: &random)
        }
        return Pick(
            endpoint: states[Int(place)].endpoint,
            slot: EndpointSlot(index: place, generation: states[Int(place)].generation))
    }

    /// Makes the list anew that picks draw from.
    private mutating func refresh(_ number: Int) {
        let members = pools[number].members
        let panics = pools[number].panics
        let slots = members.filter { place in
            let state = states[Int(place)]
            return state.isAvailable || (panics && !state.isCooling)
        }
        pools[number].sampler = Sampler(
            slots: slots, weights: slots.map { states[Int($0)].weight })
        pools[number].isStale = false
    }

    /// What is drawn from for what is `carried`: of the endpoints that may have it the available
    /// ones, or all of them when none is.
    private func admitted(_ number: Int, _ carried: Carried) -> Sampler {
        let open = pools[number].members.filter { admits($0, carried) }
        let available = open.filter { states[Int($0)].isAvailable }
        let slots =
            available.isEmpty || pools[number].panics
            ? open.filter { !states[Int($0)].isCooling } : available
        return Sampler(slots: slots, weights: slots.map { states[Int($0)].weight })
    }

    /// Whether what is `carried` may go to the endpoint at `place`.
    func admits(_ place: Int32, _ carried: Carried) -> Bool {
        let endpoint = Int(states[Int(place)].endpoint)
        return gates.indices.contains(endpoint) && gates[endpoint].admits(carried)
    }

    /// Two drawn by weight; the one with the lower cost, the first when they are equal.
    private mutating func betterOfTwo(
        _ number: Int, _ tried: borrowing Tried, byLatency: Bool,
        using random: inout SplitMix64, at now: Instant
    ) -> Int32 {
        let first = untried(number, tried, using: &random)
        var second: Int?
        for _ in 0..<Limits.redraws {
            second = pools[number].sampler.place(otherThan: first, using: &random)
            guard let other = second, isTried(number, other, tried) else { break }
            second = nil
        }
        let a = pools[number].sampler.slots[first]
        lastDrawn = (a, a)
        guard let second else { return a }
        let b = pools[number].sampler.slots[second]
        lastDrawn = (a, b)
        let (loadA, loadB) = (states[Int(a)].load, states[Int(b)].load)
        guard byLatency else { return loadA <= loadB ? a : b }
        let costA = states[Int(a)].latency.value(at: now) * (loadA + 1)
        let costB = states[Int(b)].latency.value(at: now) * (loadB + 1)
        return costA <= costB ? a : b
    }

    /// A place of the sampler by weight that was not tried, or any when all were.
    private func untried(
        _ number: Int, _ tried: borrowing Tried, using random: inout SplitMix64
    ) -> Int {
        let drawn = pools[number].sampler.place(using: &random)
        if !isTried(number, drawn, tried) { return drawn }
        for _ in 0..<Limits.redraws {
            let place = pools[number].sampler.place(using: &random)
            if !isTried(number, place, tried) { return place }
        }
        let count = pools[number].sampler.count
        for step in 0..<count {
            let place = (drawn + step) % count
            if !isTried(number, place, tried) { return place }
        }
        return drawn
    }

    /// The one whose turn it is; those that were tried miss theirs.
    private mutating func nextInTurn(
        _ number: Int, _ tried: borrowing Tried, using random: inout SplitMix64
    ) -> Int32 {
        let turn = pools[number].turn ?? UInt64(random.below(1 << 30))
        for step in 0..<UInt64(1 + (tried.isEmpty ? 0 : Limits.redraws)) {
            let place = pools[number].sampler.place(atTurn: turn &+ step)
            if isTried(number, place, tried) { continue }
            pools[number].turn = turn &+ step &+ 1
            return pools[number].sampler.slots[place]
        }
        pools[number].turn = turn &+ 1
        return pools[number].sampler.slots[untried(number, tried, using: &random)]
    }

    /// The owner of `hash`, or the next one on the circle that is fit and was not tried.
    private func onRing(
        _ number: Int, hash: UInt64?, _ tried: borrowing Tried, _ carried: Carried?,
        using random: inout SplitMix64
    ) -> Int32 {
        guard let hash, let ring = pools[number].ring else {
            return pools[number].sampler.slots[untried(number, tried, using: &random)]
        }
        let panics = pools[number].panics
        let start = ring.place(of: StableHash.mix(hash))
        for step in 0..<min(ring.count, Limits.ringSteps) {
            let owner = ring.owner(at: start &+ step)
            let state = states[Int(owner)]
            guard state.isAvailable || (panics && !state.isCooling) else { continue }
            if let carried, !admits(owner, carried) { continue }
            if !isTried(owner, tried) { return owner }
        }
        // Still the same one for the same key, as long as the list stays the same.
        var fixed = SplitMix64(seed: hash)
        return pools[number].sampler.slots[untried(number, tried, using: &fixed)]
    }

    private func isTried(_ number: Int, _ place: Int, _ tried: borrowing Tried) -> Bool {
        isTried(pools[number].sampler.slots[place], tried)
    }

    private func isTried(_ slot: Int32, _ tried: borrowing Tried) -> Bool {
        tried.contains(EndpointSlot(index: slot, generation: states[Int(slot)].generation))
    }
}
