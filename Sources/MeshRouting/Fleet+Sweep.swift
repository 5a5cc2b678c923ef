// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

extension Fleet {
    /// Ejects endpoints whose answers began far later than those of their peers, by the mean of
    /// one interval against the median of the means. Call it a few times a second.
    ///
    /// At least three endpoints must have answered often enough: of two, nobody can say which is
    /// the odd one. The slowest go first, within the policy's share.
    ///
    /// **Complexity** O(backends) before an interval is over, O(n log n) then.
    package mutating func sweep(at now: Instant) -> [Ejection] {
        var ejections: [Ejection] = []
        for number in pools.indices {
            guard let policy = pools[number].outlier, policy.latencyPercentMax > 0,
                now >= pools[number].nextSweep
            else { continue }
            let isFirst = pools[number].nextSweep.nanoseconds == 0
            pools[number].nextSweep = now + policy.interval
            if !isFirst { ejections += ejectSlow(number, policy, at: now) }
            for place in pools[number].members {
                states[Int(place)].record.answers = 0
                states[Int(place)].record.waited = 0
            }
        }
        return ejections
    }

    private mutating func ejectSlow(
        _ number: Int, _ policy: OutlierPolicy, at now: Instant
    ) -> [Ejection] {
        var means: [(mean: Int64, place: Int)] = []
        for member in pools[number].members {
            let place = Int(member)
            let record = states[place].record
            guard states[place].isAvailable, !states[place].isOnTrial,
                Int(record.answers) >= max(1, policy.latencyRequestsMin)
            else { continue }
            means.append((record.waited / Int64(record.answers), place))
        }
        guard means.count >= Limits.comparedEndpoints else { return [] }
        means.sort { ($0.mean, $0.place) < ($1.mean, $1.place) }
        // With an even count the lower of the two: a bound that the slow do not move.
        let median = max(1, means[(means.count - 1) / 2].mean)
        var ejections: [Ejection] = []
        for (mean, place) in means.reversed() {
            let percent = Int(clamping: Int64(min(Double(mean) / Double(median) * 100, 1e9)))
            guard percent > policy.latencyPercentMax, pools[number].mayEject(under: policy)
            else { break }
            let until = now + states[place].record.nextEjection(under: policy, at: now)
            ejections.append(eject(place, .latency(percentOfMedian: percent), until: until))
        }
        return ejections
    }
}
