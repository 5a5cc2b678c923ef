// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// All limits as one event loop counts them: who may enter now, and what is owed in the end.
///
/// A request asks every limit that applies to it, then hears one answer for all of them:
///
/// ```
///  begin ─> appendKey… ─> ask ─┐  once for each limit: looks, takes nothing
///             ^────────────────┘
///  decide ──> admitted(reservation): taken from every bucket ──> settle, or release
///         └─> denied: nothing was taken anywhere
/// ```
///
/// Tokens and money are taken by estimate, because what an answer costs is known at its end;
/// `settle` makes up the difference. So a bucket can go into debt, down to one full amount and no
/// further. A request that is larger than a bucket can ever be enters when the bucket is full,
/// or it could never enter. What a request that was let in gives back (it never reached an
/// upstream, or used less) is worth no more than brings the bucket to its capacity.
///
/// Invariant: a request takes from all of its buckets or from none; a reservation is settled
/// once; after the first sight of a key nothing allocates. This room never reads a request: it is
/// told numbers and the bytes of keys, and keeps no key longer than a few words as it is.
package struct Ledger: Sendable {
    /// The limits, places of which are used again.
    var meters: [Meter] = []
    /// The meter of each limit of the present snapshot.
    var present: [Int32] = []
    /// Places for holds; those that are free are chained through `next`.
    var holds: [Hold] = []
    var freeHold: Int32 = -1
    /// Reservations that are neither settled nor released.
    package internal(set) var outstanding = 0
    /// Reservations that were used a second time: bugs of the caller.
    package internal(set) var misuses: UInt64 = 0

    /// Event loops that share every amount.
    package let loops: Int
    let seed: UInt64
    var serial: UInt32 = 0

    /// The request that is being looked at.
    var draft: Int32 = -1
    var denial: Denial?
    var key: [UInt8] = []
    /// What the request that was looked at last would be told about its quotas.
    package internal(set) var lastQuota = Quota()
    /// A limit that only counts would have refused the request that was looked at last.
    package internal(set) var lastAudit: LimitID?

    /// What one request has taken from one bucket.
    struct Hold: Sendable {
        var meter: Int32
        var meterGeneration: UInt32
        var place: Int32
        var entryGeneration: UInt32
        /// What was taken.
        var amount: Int64
        /// What was expected, which can be more than a bucket holds.
        var estimate: Int64
        /// The next of the same reservation, or the next free place.
        var next: Int32
        /// The reservation, in its first hold; 0 when the place is free.
        var serial: UInt32
    }

    /// A ledger without limits, of one of `loops` loops; `seed` keeps callers from choosing keys
    /// that collide.
    package init(loops: Int, seed: UInt64) {
        self.loops = loops
        self.seed = seed
        key.reserveCapacity(4 * (Limits.keyPartBytesMax + 1))
    }

    /// Takes `limits` as those of the present snapshot. A limit that continues a former one keeps
    /// its buckets: what was used stays used.
    ///
    /// **Complexity** O(limits² + buckets).
    package mutating func adopt(_ limits: [Limit], at now: Instant) {
        var former = meters.indices.filter { meters[$0].limit != nil }
        var next: [Int32] = []
        next.reserveCapacity(limits.count)
        var fresh: [(position: Int, limit: Limit)] = []
        for (position, limit) in limits.enumerated() {
            let known = former.firstIndex { place in
                meters[place].limit.map { limit.continues($0) } ?? false
            }
            guard let known else {
                fresh.append((position, limit))
                next.append(-1)
                continue
            }
            let place = former.remove(at: known)
            let allowance = Allowance(limit, loops: loops)
            meters[place].table.move(
                from: meters[place].allowance, to: allowance, entriesMax: bound(of: limit),
                at: now)
            meters[place].allowance = allowance
            meters[place].limit = limit
            next.append(Int32(place))
        }
        for place in former {
            meters[place].limit = nil
            meters[place].table = BucketTable(entriesMax: 1)
            meters[place].tally = LimitTally()
            meters[place].generation &+= 1
        }
        for (position, limit) in fresh { next[position] = Int32(makeMeter(limit)) }
        present = next
    }

    /// The limit at `id` of another snapshot than the present one: its number here, or nil when
    /// the present one has no such limit. Slow: only for requests that a swap overtook.
    package func number(of limit: Limit) -> LimitID? {
        let found = present.firstIndex { meter in
            meters[Int(meter)].limit.map { limit.continues($0) } ?? false
        }
        return found.map { LimitID($0) }
    }

    private mutating func makeMeter(_ limit: Limit) -> Int {
        let allowance = Allowance(limit, loops: loops)
        let table = BucketTable(entriesMax: bound(of: limit))
        if let free = meters.firstIndex(where: { $0.limit == nil }) {
            meters[free].limit = limit
            meters[free].allowance = allowance
            meters[free].table = table
            return free
        }
        meters.append(Meter(limit: limit, allowance: allowance, table: table))
        return meters.count - 1
    }

    private func bound(of limit: Limit) -> Int { limit.key.isEmpty ? 1 : limit.keysMax }
}
