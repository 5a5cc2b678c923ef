// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Fleet {
    /// Goes over to the backends and endpoints of `snapshot`.
    ///
    /// What is known of an endpoint carries over by the name of its backend and its authority;
    /// an endpoint that vanished is forgotten once nothing is in flight to it. A backend without
    /// health check forgets what checks said, one without outlier policy takes its ejected
    /// endpoints back.
    ///
    /// **Complexity** O(n), O(n log n) for ring hashes whose endpoints changed; O(1) when the
    /// snapshot shares its backends and endpoints with the last one.
    package mutating func adopt(_ snapshot: Snapshot, at now: Instant) {
        guard
            snapshot.backends != backends || snapshot.endpoints != endpoints
                || snapshot.residency.gates != gates
        else { return }
        backends = snapshot.backends
        endpoints = snapshot.endpoints
        gates = snapshot.residency.gates
        let former = pools
        var numbers: [String: Int] = [:]
        for (number, pool) in former.enumerated() where numbers[pool.name] == nil {
            numbers[pool.name] = number
        }
        for place in states.indices {
            states[place].endpoint = -1
            states[place].backend = -1
        }
        pools = []
        for (number, backend) in backends.enumerated() {
            var pool = Pool(backend)
            let predecessor = numbers[backend.name].map { former[$0] }
            if let predecessor {
                pool.budget = predecessor.budget
                pool.turn = predecessor.turn
                pool.nextSweep = predecessor.nextSweep
                pool.troubles =
                    pool.outlier == nil && pool.coolDown == nil ? [] : predecessor.troubles
            }
            pools.append(pool)
            settle(backend, number: number, replacing: predecessor, at: now)
        }
        troubleCount = pools.reduce(0) { $0 + $1.troubles.count }
        forgetVanished()
        collectEjected(at: now)
    }

    /// Gives every endpoint of `backend` its place and fills the pool.
    private mutating func settle(
        _ backend: Backend, number: Int, replacing predecessor: Pool?, at now: Instant
    ) {
        for id in backend.endpoints where endpoints.indices.contains(Int(id)) {
            let place = claimPlace(for: endpoints[Int(id)], of: backend, at: now)
            let weight = Int32(clamping: endpoints[Int(id)].weight)
            states[place].endpoint = id
            states[place].backend = BackendID(number)
            states[place].weight = max(weight, 0)
            if backend.healthCheck == nil { states[place].isHealthy = true }
            if backend.outlier == nil || weight <= 0 {
                states[place].isEjected = false
                states[place].isOnTrial = false
                states[place].isTried = false
            }
            if backend.coolDown == nil || weight <= 0 { states[place].isCooling = false }
            guard weight > 0 else { continue }
            pools[number].members.append(Int32(place))
            guard gates.indices.contains(Int(id)) else { continue }
            pools[number].gated.formUnion(gates[Int(id)].barred.union(gates[Int(id)].timed))
        }
        let members = pools[number].members
        let weights = members.map { states[Int($0)].weight }
        for place in members {
            if states[Int(place)].isAvailable { pools[number].availableCount += 1 }
            if states[Int(place)].isEjected { pools[number].ejectedCount += 1 }
        }
        guard pools[number].choice == .ring, !members.isEmpty else { return }
        if let predecessor, let ring = predecessor.ring, predecessor.members == members,
            predecessor.ringWeights == weights
        {
            pools[number].ring = ring
        } else {
            let authorities = members.map { identities[Int($0)].authority }
            pools[number].ring = HashRing(
                authorities: authorities, weights: weights, slots: members)
        }
        pools[number].ringWeights = weights
    }

    /// The place of `endpoint`: where it lived already, else a free one, else a new one.
    private mutating func claimPlace(
        for endpoint: Endpoint, of backend: Backend, at now: Instant
    ) -> Int {
        var identity = Identity(
            backend: backend.name, authority: endpoint.authority, ordinal: 0)
        while let place = places[identity] {
            if states[Int(place)].endpoint < 0 { return Int(place) }
            identity.ordinal += 1
        }
        var state = EndpointState(
            generation: 1, endpoint: -1, backend: -1, weight: 0, at: now)
        if let place = free.popLast() {
            state.generation = states[Int(place)].generation
            states[Int(place)] = state
            identities[Int(place)] = identity
            places[identity] = place
            return Int(place)
        }
        states.append(state)
        identities.append(identity)
        places[identity] = Int32(states.count - 1)
        return states.count - 1
    }

    private mutating func forgetVanished() {
        for place in states.indices where states[place].isUsed && states[place].endpoint < 0 {
            states[place].isEjected = false
            states[place].isCooling = false
            states[place].isOnTrial = false
            states[place].isTried = false
            if states[place].inFlight == 0 { release(place) }
        }
    }

    /// Frees the place of an endpoint that is gone and has nothing in flight.
    mutating func release(_ place: Int) {
        places[identities[place]] = nil
        states[place].isUsed = false
        states[place].generation &+= 1
        free.append(Int32(place))
    }

    /// Keeps the list of the ejected true, and within what the policies allow now.
    private mutating func collectEjected(at now: Instant) {
        ejected.removeAll { !states[Int($0)].isUsed || !states[Int($0)].isEjected }
        cooled.removeAll { !states[Int($0)].isUsed || !states[Int($0)].isCooling }
        for number in pools.indices {
            let percent = pools[number].outlier?.ejectedPercentMax ?? 0
            while pools[number].ejectedCount * 100 > percent * pools[number].members.count {
                let own = ejected.filter { states[Int($0)].backend == number }
                let first = own.min { states[Int($0)].record.until < states[Int($1)].record.until }
                guard let first else { break }
                takeBack(Int(first), at: now)
            }
        }
        scheduleReturn()
    }
}
