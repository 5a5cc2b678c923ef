// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// What a shard knew of one backend when it picked an endpoint: enough to pick again, and to say
/// why.
package struct PoolPicture: Codable, Hashable, Sendable {
    /// `namespace/name` of the backend.
    package var backend: String
    /// Whose turn was next, for round robin.
    package var turn: UInt64?
    /// Its endpoints with a weight above 0, in the order of the snapshot.
    package var endpoints: [Endpoint]
    /// The two that were drawn, where two are; indices into `endpoints`.
    package var drawn: [Int] = []
    /// The one that was picked, or nil.
    package var picked: Int?

    /// One endpoint as it was known.
    package struct Endpoint: Codable, Hashable, Sendable {
        /// `address:port`.
        package var authority: String
        /// Its share.
        package var weight: Int32
        /// Whether the last health checks were good, or there are none.
        package var isHealthy: Bool
        /// When its ejection ends, on the proxy's clock; nil when it is not ejected.
        package var ejectedUntil: UInt64?
        /// When the pause ends that it asked for, on the proxy's clock; nil when there is none.
        package var coolsUntil: UInt64?
        /// Whether it was on trial, and a request was trying it; nil when it was not.
        package var isTrial: Bool?
        /// Whether its gate was shut for what the request carries; nil when it was not.
        package var isBarred: Bool?
        /// Whether the exchange had tried it before.
        package var isTried: Bool
        /// Attempts that had begun and not ended.
        package var inFlight: Int32
        /// Its latency estimate in nanoseconds at that moment.
        package var latency: Int64
        /// The estimate's own state: average as bits, and when it was updated.
        package var estimate: [UInt64]
    }

    /// What an endpoint costs where two are compared by latency and load: the lower one wins.
    package static func cost(_ endpoint: Endpoint) -> Double {
        Double(endpoint.latency) * (Double(endpoint.inFlight) / Double(max(endpoint.weight, 1)) + 1)
    }
}

extension Fleet {
    /// What is known of `backend`, or nil when there is no such backend or it has more endpoints
    /// than `Limits.picturedEndpoints`.
    ///
    /// **Complexity** O(endpoints).
    package mutating func picture(
        of backend: BackendID, carrying carried: Carried, tried: borrowing Tried,
        at now: Instant
    ) -> PoolPicture? {
        // A pick does the same before it looks.
        if now >= nextReturn { tick(at: now) }
        guard pools.indices.contains(Int(backend)) else { return nil }
        let pool = pools[Int(backend)]
        guard pool.members.count <= Limits.picturedEndpoints else { return nil }
        let isGated = !pool.gated.isDisjoint(with: carried.labels)
        var endpoints: [PoolPicture.Endpoint] = []
        for place in pool.members {
            let state = states[Int(place)]
            let slot = EndpointSlot(index: place, generation: state.generation)
            endpoints.append(
                PoolPicture.Endpoint(
                    authority: identities[Int(place)].authority, weight: state.weight,
                    isHealthy: state.isHealthy,
                    ejectedUntil: state.isEjected ? state.record.until.nanoseconds : nil,
                    coolsUntil: state.isCooling ? state.coolUntil.nanoseconds : nil,
                    isTrial: state.isOnTrial ? state.isTried : nil,
                    isBarred: isGated && !admits(place, carried) ? true : nil,
                    isTried: tried.contains(slot), inFlight: state.inFlight,
                    latency: Int64(state.latency.value(at: now)), estimate: state.latency.words))
        }
        return PoolPicture(backend: pool.name, turn: pool.turn, endpoints: endpoints)
    }

    /// The name of `backend`; empty when there is none of that number.
    package func name(of backend: BackendID) -> String {
        pools.indices.contains(Int(backend)) ? pools[Int(backend)].name : ""
    }

    /// Notes in `picture` which endpoints the last pick drew and picked.
    package func complete(_ picture: inout PoolPicture, of backend: BackendID, picked: Pick?) {
        guard pools.indices.contains(Int(backend)) else { return }
        let members = pools[Int(backend)].members
        if let picked {
            picture.picked = members.firstIndex(of: picked.slot.index)
            let isByTwo =
                pools[Int(backend)].choice == .latency || pools[Int(backend)].choice == .load
            if isByTwo {
                picture.drawn = [lastDrawn.first, lastDrawn.second].compactMap { place in
                    members.firstIndex(of: place)
                }
            }
        }
    }

    /// Takes `backend` to be in the state of `picture`, as far as a pick looks at it.
    ///
    /// Answers whether the picture shows the same endpoints in the same order.
    package mutating func install(_ picture: PoolPicture, of backend: BackendID) -> Bool {
        guard pools.indices.contains(Int(backend)) else { return false }
        let members = pools[Int(backend)].members
        guard members.count == picture.endpoints.count else { return false }
        pools[Int(backend)].turn = picture.turn
        for (place, endpoint) in zip(members, picture.endpoints) {
            guard identities[Int(place)].authority == endpoint.authority else { return false }
            ejected.removeAll { $0 == place }
            cooled.removeAll { $0 == place }
            update(Int(place)) { state in
                state.isCooling = endpoint.coolsUntil != nil
                if let until = endpoint.coolsUntil {
                    state.coolUntil = Instant(nanoseconds: until)
                }
                state.isOnTrial = endpoint.isTrial != nil
                state.isTried = endpoint.isTrial == true
                state.isHealthy = endpoint.isHealthy
                state.isEjected = endpoint.ejectedUntil != nil
                state.inFlight = endpoint.inFlight
                state.latency = LatencyEstimate(words: endpoint.estimate) ?? state.latency
                if let until = endpoint.ejectedUntil {
                    state.record.until = Instant(nanoseconds: until)
                }
            }
            if endpoint.ejectedUntil != nil { ejected.append(place) }
            if endpoint.coolsUntil != nil { cooled.append(place) }
        }
        scheduleReturn()
        return true
    }
}
