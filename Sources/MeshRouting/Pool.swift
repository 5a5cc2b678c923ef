// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// What a shard knows of one backend of the current snapshot.
struct Pool: Sendable {
    /// `namespace/name`: what the pool is known by from one snapshot to the next.
    var name: String
    /// How endpoints are chosen.
    var choice: Choice
    /// When endpoints are left out.
    var outlier: OutlierPolicy?
    /// Whether and how long servers get the pauses that they ask for.
    var coolDown: CoolDownPolicy?
    /// What speaks against upstream models, or against all of them.
    var troubles: [Trouble] = []
    /// The slots of its endpoints whose weight is above 0, in the snapshot's order.
    var members: [Int32] = []
    /// Data labels that some member is not for, or not at every time.
    var gated: DataLabels = []
    /// When the times of its members are compared next.
    var nextSweep = Instant(nanoseconds: 0)
    /// What is drawn from: the available members, or all of them when none is.
    var sampler = Sampler()
    /// Whether `sampler` no longer tells the truth.
    var isStale = true
    /// Available members.
    var availableCount = 0
    /// Ejected members.
    var ejectedCount = 0
    /// The circle of `.ring`.
    var ring: HashRing?
    /// The weights that `ring` was made with.
    var ringWeights: [Int32] = []
    /// Whose turn is next; nil before the first, which is drawn so that shards differ.
    var turn: UInt64?
    /// What retries it may still receive.
    var budget = RetryBudget()

    /// `Balancing` without its payload.
    enum Choice: Sendable {
        case latency, load, turn, ring
    }

    /// The pool of `backend`, still without members.
    init(_ backend: Backend) {
        name = backend.name
        outlier = backend.outlier
        coolDown = backend.coolDown
        choice =
            switch backend.balancing {
            case .peakEWMA: .latency
            case .leastRequest: .load
            case .roundRobin: .turn
            case .ringHash: .ring
            }
    }

    /// Whether another member may be ejected: one always stays, and no more than the policy's
    /// share go.
    func mayEject(under policy: OutlierPolicy) -> Bool {
        availableCount > 1
            && (ejectedCount + 1) * 100 <= policy.ejectedPercentMax * members.count
    }

    /// Whether so few members are available that all count as fit.
    var panics: Bool {
        availableCount == 0
            || availableCount * 100 < (outlier?.panicPercent ?? 0) * members.count
    }
}
