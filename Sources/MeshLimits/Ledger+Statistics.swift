// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

extension Ledger {
    /// Hands what happened at each limit since the last call to `take`, in the order of the
    /// present snapshot, and begins to count anew.
    package mutating func drainTallies(_ take: (Limit, LimitTally) -> Void) {
        for meter in present {
            let place = Int(meter)
            guard let limit = meters[place].limit else { continue }
            var tally = meters[place].tally
            tally.evicted = meters[place].table.takeLossyEvictions()
            take(limit, tally)
            meters[place].tally = LimitTally()
        }
    }

    /// How every limit of the present snapshot stands.
    package func statistics(at now: Instant) -> [LimitStatistics] {
        present.compactMap { place in
            let meter = meters[Int(place)]
            guard let limit = meter.limit else { return nil }
            var level: Int64?
            if limit.key.isEmpty {
                var bucket =
                    meter.table.entries.first?.bucket ?? Bucket(full: meter.allowance, at: now)
                bucket.refill(meter.allowance, at: now)
                level = bucket.level
            }
            let keys = limit.key.isEmpty ? 0 : meter.table.entries.count
            return LimitStatistics(limit: limit, keys: keys, level: level)
        }
    }

    /// What is wrong with the ledger, or nil. For tests and simulation.
    ///
    /// **Complexity** O(buckets + holds).
    package func invariants() -> String? {
        for (place, meter) in meters.enumerated() {
            if let wrong = meter.table.invariants(meter.allowance) {
                return "meter \(place): \(wrong)"
            }
        }
        if draft >= 0 { return "a request was looked at and not decided" }
        var free = 0
        var cursor = freeHold
        while cursor >= 0, free <= holds.count {
            free += 1
            cursor = holds[Int(cursor)].next
        }
        let heads = holds.indices.filter { holds[$0].serial != 0 }
        if heads.count != outstanding {
            return "\(outstanding) reservations run, \(heads.count) have holds"
        }
        var held = 0
        var byEntry: [UInt64: Int32] = [:]
        for head in heads {
            var cursor = Int32(head)
            while cursor >= 0 {
                let hold = holds[Int(cursor)]
                held += 1
                if isPresent(hold) {
                    byEntry[UInt64(hold.meter) << 32 | UInt64(hold.place), default: 0] += 1
                }
                cursor = hold.next
            }
        }
        if held + free != holds.count { return "\(held) held, \(free) free, of \(holds.count)" }
        for (place, meter) in meters.enumerated() {
            for (number, entry) in meter.table.entries.enumerated() {
                let known = byEntry[UInt64(place) << 32 | UInt64(number)] ?? 0
                if known != entry.holds {
                    return "bucket \(number) of meter \(place) counts \(entry.holds) holds of "
                        + "\(known)"
                }
            }
        }
        return misuses == 0 ? nil : "a reservation was used \(misuses) times too often"
    }
}
