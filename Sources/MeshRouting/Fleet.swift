// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSnapshot

/// All that one shard knows of endpoints and changes while it balances: who is there, how busy
/// and how quick each is, who is left out, and what retries are still allowed.
///
/// ```
///  adopt ──> pools (one a backend) ──> slots (one an endpoint, alive while anything is in flight)
///
///  pick ──> begin ──> firstByte ──> end ──> maybe an Ejection
///                                             └── tick brings it back
/// ```
///
/// Load and latency are two estimates: an attempt counts as load until its last byte, but only
/// the time to its first byte counts as latency. With one estimate for both, a model server that
/// streams for a minute would look idle, or slow.
///
/// A report under a slot that is no longer alive, or about an attempt that never began, changes
/// nothing but `misuses`.
///
/// ```
///  fit ──(failures)──> ejected ──(its time is over)──> on trial ──(one success)──> fit
///   │                     ^                               │
///   │                     └─────────(that one failed)─────┘
///   └──(429, Retry-After)──> cooling ──(its time is over)──> fit
/// ```
///
/// Upstream models have the same two circuits on each backend (`Trouble`), which decide whether a
/// target is asked at all.
///
/// Invariant: a fleet never reads a clock, draws no chance that it was not handed, and learns
/// nothing from other shards but health and cool-downs, by message.
package struct Fleet: Sendable {
    /// One for each place that was ever used.
    var states: [EndpointState] = []
    /// Who lives at each place.
    var identities: [Identity] = []
    /// Places that are free.
    var free: [Int32] = []
    /// Where each known endpoint lives. Never iterated.
    var places: [Identity: Int32] = [:]
    /// One for each backend of the snapshot.
    var pools: [Pool] = []
    /// Ejected endpoints, in order of ejection.
    var ejected: [Int32] = []
    /// Endpoints that cool down, in order of beginning.
    var cooled: [Int32] = []
    /// Troubles of all pools together.
    var troubleCount = 0
    /// Cool-downs that other shards have not heard of.
    var outbox: [CoolDown] = []
    /// When the first of `ejected` and `cooled` returns.
    var nextReturn = Instant.distantFuture
    /// The backends and endpoints that were adopted last.
    var backends: [Backend] = []
    var endpoints: [Endpoint] = []
    /// Which data may go to each of `endpoints`; empty when all may.
    var gates: [ResidencyGate] = []

    /// The places that the last pick by two drew; equal when there was only one.
    var lastDrawn: (first: Int32, second: Int32) = (-1, -1)

    /// What retries all backends together may still receive.
    var meshBudget = RetryBudget()
    /// The bound on them for one loop, or nil.
    package var meshBudgetPolicy: RetryBudgetPolicy?

    /// Reports that fitted nothing. Rises only through a bug of the caller, or when a snapshot
    /// came between a pick and its beginning.
    package internal(set) var misuses = 0

    /// What an endpoint is known by from one snapshot to the next.
    struct Identity: Hashable, Sendable {
        var backend: String
        var authority: String
        /// Which of several endpoints with one authority, from 0.
        var ordinal: Int
    }

    /// A fleet without endpoints.
    package init() {}

    /// What keeps the fleet from being sound, or nil. For tests and simulation.
    ///
    /// **Complexity** O(n).
    package func invariants() -> String? {
        for (place, state) in states.enumerated() {
            if state.inFlight < 0 { return "slot \(place) has \(state.inFlight) in flight" }
            if !state.isUsed, state.inFlight != 0 { return "free slot \(place) is in use" }
            if state.isUsed, state.endpoint < 0, state.inFlight == 0 {
                return "slot \(place) of a vanished endpoint is kept for nothing"
            }
            if state.isUsed, places[identities[place]] != Int32(place) {
                return "slot \(place) cannot be found"
            }
        }
        if places.count + free.count != states.count { return "slots were lost" }
        for (number, pool) in pools.enumerated() {
            let members = pool.members.map { states[Int($0)] }
            if members.contains(where: { Int($0.backend) != number || !$0.isUsable }) {
                return "\(pool.name) has a member that is not its own"
            }
            if members.filter(\.isAvailable).count != pool.availableCount {
                return "\(pool.name) miscounts its available endpoints"
            }
            if members.filter(\.isEjected).count != pool.ejectedCount {
                return "\(pool.name) miscounts its ejected endpoints"
            }
            if members.contains(where: { $0.isTried && !$0.isOnTrial }) {
                return "\(pool.name) tries a member that is not on trial"
            }
            if pool.troubles.count > Limits.troubles { return "\(pool.name) has too many troubles" }
            let percent = pool.outlier?.ejectedPercentMax ?? 0
            if pool.ejectedCount * 100 > percent * pool.members.count {
                return "\(pool.name) ejects too many"
            }
        }
        let cooling = states.indices.filter { states[$0].isCooling }
        if Set(cooling) != Set(cooled.map(Int.init)) { return "cool-downs were lost" }
        if pools.reduce(0, { $0 + $1.troubles.count }) != troubleCount {
            return "troubles are miscounted"
        }
        return nil
    }

    /// The place of `slot`, or nil when it is no longer alive.
    func place(of slot: EndpointSlot) -> Int? {
        let place = Int(slot.index)
        guard states.indices.contains(place), states[place].isUsed,
            states[place].generation == slot.generation
        else { return nil }
        return place
    }

    /// Changes the state at `place` and keeps the counts of its pool true.
    mutating func update(_ place: Int, _ change: (inout EndpointState) -> Void) {
        let before = states[place]
        change(&states[place])
        let after = states[place]
        guard after.isUsable else { return }
        let pool = Int(after.backend)
        if before.isAvailable != after.isAvailable {
            pools[pool].availableCount += after.isAvailable ? 1 : -1
            pools[pool].isStale = true
        }
        // In panic the others count as fit, but not those that cool down.
        if before.isCooling != after.isCooling { pools[pool].isStale = true }
        if before.isEjected != after.isEjected {
            pools[pool].ejectedCount += after.isEjected ? 1 : -1
        }
    }
}
