// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// When bytes arrive, and which servers cannot be reached at all.
struct Network {
    /// Chance for everything that happens on the way.
    var random: SplitMix64
    private var cut: [Bool]

    init(random: SplitMix64, servers: Int) {
        self.random = random
        cut = Array(repeating: false, count: servers)
    }

    /// Whether nothing passes between the proxy and server `route`.
    func isCut(_ route: Int) -> Bool { route >= 0 && cut[route] }

    /// Separates the proxy from server `route`, or joins them again.
    mutating func setCut(_ route: Int, _ isCut: Bool) { cut[route] = isCut }

    /// Whether something that happens `permille` times in a thousand happens now.
    mutating func strikes(_ permille: Int) -> Bool {
        permille > 0 && random.below(1000) < permille
    }

    /// When what is sent now arrives; never before what was sent earlier.
    mutating func arrival(
        _ profile: NetworkProfile, after last: Instant, faults: inout FaultCounts, at now: Instant
    ) -> Instant {
        var at = now + profile.latency
        if profile.jitter.rawValue > 0 {
            at = at + Nanoseconds(Int64(random.below(Int(profile.jitter.rawValue) + 1)))
        }
        if profile.lossPermille > 0, strikes(profile.lossPermille) {
            faults.count(.segmentLost)
            at = at + Limits.retransmission
        }
        return max(at, last)
    }
}
