// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

/// What of one limit is used under one key: what a process tells the one that takes over from it.
package struct LimitUsage: Codable, Hashable, Sendable {
    /// `policy/limit`.
    package var limit: String
    /// The key, as buckets know it.
    package var key: [UInt8]
    /// What is used and did not come back yet, in the limit's unit.
    package var used: Int64
}

extension Ledger {
    /// What is used of every limit of the present snapshot, under every key.
    ///
    /// **Complexity** O(buckets).
    package mutating func usage(at now: Instant) -> [LimitUsage] {
        var all: [LimitUsage] = []
        for meter in present.map({ Int($0) }) {
            guard let limit = meters[meter].limit else { continue }
            let allowance = meters[meter].allowance
            for place in meters[meter].table.entries.indices {
                meters[meter].table.entries[place].bucket.refill(allowance, at: now)
                let entry = meters[meter].table.entries[place]
                let used = allowance.capacity - entry.bucket.level
                guard used > 0, all.count < Limits.usagesMax else { continue }
                all.append(LimitUsage(limit: limit.label, key: entry.key, used: used))
            }
        }
        return all
    }

    /// Counts this loop's part of `usage` as used. Limits that the present snapshot does not have
    /// are passed over.
    package mutating func take(_ usage: [LimitUsage], at now: Instant) {
        for one in usage {
            let known = present.map { Int($0) }.first { meters[$0].limit?.label == one.limit }
            guard let meter = known, one.used > 0 else { continue }
            let allowance = meters[meter].allowance
            let hash = StableHash.of(unsafe one.key.span.bytes, seed: seed)
            let place = meters[meter].table.place(of: one.key, hash: hash, allowance, at: now)
            let part = (one.used - 1) / Int64(max(1, loops)) + 1
            meters[meter].table.entries[place].bucket.take(part, of: allowance)
        }
    }
}
