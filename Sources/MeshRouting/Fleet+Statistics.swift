// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// How the endpoints of one backend are, as one shard sees it.
package struct BackendStatistics: Hashable, Sendable {
    /// `namespace/name`.
    package var name: String
    /// Endpoints that take traffic.
    package var healthy = 0
    /// Endpoints that failed their health checks.
    package var unhealthy = 0
    /// Endpoints that are left out because of their answers; not those that are unhealthy too.
    package var ejected = 0
    /// Endpoints that asked for a pause and are neither unhealthy nor ejected.
    package var cooling = 0
    /// Every endpoint, in the snapshot's order.
    package var endpoints: [EndpointStatistics] = []
}

/// How one endpoint is, as one shard sees it.
package struct EndpointStatistics: Hashable, Sendable {
    /// The endpoint in the snapshot.
    package var endpoint: EndpointID
    /// `10.0.0.1:8000`.
    package var authority: String
    /// Attempts that have begun and not ended.
    package var inFlight: Int
    /// The latency estimate.
    package var latency: Nanoseconds
    /// Whether it is used.
    package var condition: Condition

    /// Whether an endpoint is used.
    package enum Condition: Hashable, Sendable {
        /// It is.
        case healthy
        /// Its health checks fail.
        case unhealthy
        /// It is left out until then because of its answers.
        case ejected(until: Instant)
        /// It asked for a pause until then.
        case cooling(until: Instant)
        /// It was ejected, and one request must succeed before it is used as before.
        case onTrial
    }
}

extension Fleet {
    /// How the endpoints of `backend` are; nil when there is no such backend.
    ///
    /// **Complexity** O(endpoints of the backend).
    package func statistics(backend: BackendID, at now: Instant) -> BackendStatistics? {
        guard pools.indices.contains(Int(backend)) else { return nil }
        var result = BackendStatistics(name: pools[Int(backend)].name)
        // Endpoints of weight 0 are no members, but an operator wants to see them.
        let own = states.indices.filter { states[$0].isUsed && states[$0].backend == backend }
        for place in own.sorted(by: { states[$0].endpoint < states[$1].endpoint }) {
            let state = states[place]
            let condition: EndpointStatistics.Condition
            if !state.isHealthy {
                condition = .unhealthy
                result.unhealthy += 1
            } else if state.isEjected {
                condition = .ejected(until: state.record.until)
                result.ejected += 1
            } else if state.isCooling {
                condition = .cooling(until: state.coolUntil)
                result.cooling += 1
            } else {
                condition = state.isOnTrial ? .onTrial : .healthy
                result.healthy += 1
            }
            result.endpoints.append(
                EndpointStatistics(
                    endpoint: state.endpoint, authority: identities[place].authority,
                    inFlight: Int(state.inFlight),
                    latency: Nanoseconds(Int64(state.latency.value(at: now))),
                    condition: condition))
        }
        return result
    }

    /// How the endpoints of every backend are, in the snapshot's order.
    package func statistics(at now: Instant) -> [BackendStatistics] {
        pools.indices.compactMap { statistics(backend: BackendID($0), at: now) }
    }

    /// Attempts in flight to endpoints of all kinds, those that vanished included.
    package var inFlight: Int { states.reduce(0) { $0 + Int($1.inFlight) } }
}
