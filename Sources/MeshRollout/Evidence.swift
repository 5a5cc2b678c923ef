// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot
package import MeshTelemetry

/// What was counted of every arm of one rollout in some stretch of time.
package struct RolloutCounts: Hashable, Sendable, Codable {
    /// What the stable target did.
    package var stable = ArmCounts()
    /// What the canary did.
    package var canary = ArmCounts()
    /// What the canary did with copies.
    package var mirror = ArmCounts()

    /// Nothing.
    package init() {}

    /// The counts of one arm.
    package subscript(arm: Arm) -> ArmCounts {
        get {
            switch arm {
            case .stable: stable
            case .canary: canary
            case .mirror: mirror
            }
        }
        set {
            switch arm {
            case .stable: stable = newValue
            case .canary: canary = newValue
            case .mirror: mirror = newValue
            }
        }
    }

    /// Adds what was counted in another stretch.
    package mutating func add(_ other: RolloutCounts) {
        for arm in Arm.allCases { self[arm].add(other[arm]) }
    }

    /// What was counted since `earlier`.
    package func since(_ earlier: RolloutCounts) -> RolloutCounts {
        var rest = RolloutCounts()
        for arm in Arm.allCases { rest[arm] = self[arm].since(earlier[arm]) }
        return rest
    }

    /// Whether everything in it can be reckoned with; what was read from a file may be anything.
    var isSound: Bool {
        Arm.allCases.map { self[$0] }.allSatisfy { counts in
            counts.errors <= counts.requests && counts.agreed <= counts.compared
                && counts.firstTokens.isSound && counts.latencies.isSound
                && counts.tokens.isSound && counts.costs.isSound
        }
    }
}

/// What is known of a step, or of a stretch of one: counts, and which looks were taken at them.
struct Evidence: Hashable, Sendable, Codable {
    /// What was counted.
    var counts = RolloutCounts()
    /// By check, and within it relative before absolute: the number of the last look.
    var looks: [Int] = []

    /// Whether the looks can be reckoned with.
    var isSound: Bool {
        looks.count <= 64 && looks.allSatisfy { (0...Limits.looks).contains($0) }
    }

    /// The last look at a bound.
    func look(_ slot: Int) -> Int { slot < looks.count ? looks[slot] : 0 }

    /// Notes a look at a bound.
    mutating func note(look: Int, _ slot: Int) {
        while looks.count <= slot { looks.append(0) }
        looks[slot] = look
    }
}

/// What a check says at present.
package struct Finding: Hashable, Sendable {
    /// What is measured, with the percentile of a time: `latency p95`.
    package var measure: String
    /// The canary's value, or nil when there is none yet.
    package var canary: String?
    /// The stable target's value, or nil.
    package var stable: String?
    /// What the canary's value may be, in words.
    package var bound: String
    /// Observations of the canary.
    package var samples: UInt64
    /// What follows.
    package var verdict: Verdict

    /// What follows from a measure.
    package enum Verdict: Hashable, Sendable {
        /// Within its bounds.
        case good
        /// Too little is known.
        case waiting(String)
        /// Beyond a bound, but chance may do that.
        case unsure(String)
        /// Beyond a bound by more than chance does.
        case bad(String)

        /// The word in listings.
        package var label: String {
            switch self {
            case .good: "good"
            case .waiting: "waiting"
            case .unsure: "unsure"
            case .bad: "bad"
            }
        }
    }
}

extension RolloutPlan.Check {
    /// What is measured, as people read it.
    var title: String {
        switch measure {
        case .errors: "errors"
        case .timeToFirstToken: "time to first token p\(percentile)"
        case .latency: "latency p\(percentile)"
        case .tokens: "tokens per request"
        case .cost: "cost per request"
        case .mirrorAgreement: "agreement of copies"
        }
    }
}
