// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

extension Fleet {
    /// What the active health checks say of an endpoint now. Carries over to the next snapshots;
    /// says nothing when the fleet does not know the endpoint.
    package mutating func setHealth(
        backend: String, authority: String, healthy: Bool, at now: Instant
    ) {
        var identity = Identity(backend: backend, authority: authority, ordinal: 0)
        while let place = places[identity] {
            let isBack = healthy && !states[Int(place)].isHealthy
            update(Int(place)) { state in
                if isBack { state.record.restart(at: now) }
                state.isHealthy = healthy
            }
            if isBack { startSlowly(Int(place), at: now) }
            identity.ordinal += 1
        }
    }
}
