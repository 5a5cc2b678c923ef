// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Index into the plans of `Snapshot.rollouts`.
package typealias RolloutID = Int32
/// One side of a rollout: twice its number, and one more for the canary; -1 for none.
package typealias ArmID = Int32

/// Every Rollout of a snapshot.
package struct RolloutTable: Sendable, Hashable {
    /// The most Rollouts of one mesh: their arms have room among the series of every shard.
    package static let plansMax = 200

    /// The plans, in the order of their names.
    package var plans: [RolloutPlan]
    /// The folder in which states are kept, or nil when the configuration names none.
    package var stateDirectory: String?

    /// A table of `plans`.
    package init(plans: [RolloutPlan] = [], stateDirectory: String? = nil) {
        self.plans = plans
        self.stateDirectory = stateDirectory
    }
}

/// A Rollout, ready to use: how a canary takes over from what is stable, step by step, and what
/// must hold meanwhile.
package struct RolloutPlan: Sendable, Hashable {
    /// `namespace/name` of the resource.
    package var name: String
    /// What is rolled out, as people read it: `Model default/chat`.
    package var target: String
    /// The target that served before.
    package var stable: String
    /// The target that is to take its place.
    package var canary: String
    /// The steps, at least one.
    package var steps: [Step]
    /// What must hold in every step.
    package var checks: [Check]
    /// How likely noise alone may end a step, in parts per million.
    package var doubt: Int
    /// The stretch that is judged by itself, beside the whole step.
    package var window: Nanoseconds
    /// What follows when a check fails.
    package var onFailure: Reaction
    /// How long a step may go on past its time without an answer.
    package var inconclusiveAfter: Nanoseconds
    /// What follows then.
    package var onInconclusive: Reaction
    /// A hash of all that was written: another one begins anew.
    package var fingerprint: UInt64

    /// One step.
    package struct Step: Sendable, Hashable {
        /// The canary's share in percent, 0 for a step of copies.
        package var weight: Int
        /// The share in percent of the stable target's requests that the canary gets a copy of.
        package var mirror: Int
        /// How long it lasts at least.
        package var hold: Nanoseconds
        /// Requests that the canary must have had.
        package var requestsMin: Int
        /// Whether a person says when the next one begins.
        package var isManual: Bool

        /// A step of the given parts.
        package init(
            weight: Int, mirror: Int = 0, hold: Nanoseconds = .zero, requestsMin: Int = 0,
            isManual: Bool = false
        ) {
            self.weight = weight
            self.mirror = mirror
            self.hold = hold
            self.requestsMin = requestsMin
            self.isManual = isManual
        }
    }

    /// One measure with its bounds; at least one bound is there.
    package struct Check: Sendable, Hashable {
        /// What is measured.
        package var measure: Measure
        /// For times: which percentile.
        package var percentile: Int
        /// For errors: the canary's ratio may be so much above the stable one, in parts per
        /// million.
        package var increase: Int?
        /// The canary may have so much, in percent of what the stable target has.
        package var percentOfStable: Int?
        /// The canary may have no more: errors in parts per million, times in nanoseconds, tokens
        /// in tokens, cost in trillionths. For agreement it may have no less, in parts per million.
        package var bound: Int?
        /// Observations of an arm below which nothing is said.
        package var samplesMin: Int

        /// A check of the given parts.
        package init(
            _ measure: Measure, percentile: Int = 95, increase: Int? = nil,
            percentOfStable: Int? = nil, bound: Int? = nil, samplesMin: Int
        ) {
            self.measure = measure
            self.percentile = percentile
            self.increase = increase
            self.percentOfStable = percentOfStable
            self.bound = bound
            self.samplesMin = samplesMin
        }
    }

    /// What is measured.
    package enum Measure: String, Sendable, Hashable, CaseIterable {
        /// The share of requests that were not served as they should.
        case errors
        /// A percentile of the times to the first token.
        case timeToFirstToken
        /// A percentile of the times to the end of the answer.
        case latency
        /// Tokens of a request, on average.
        case tokens
        /// The cost of a request, on average.
        case cost
        /// The share of copies whose answer agreed with the original's.
        case mirrorAgreement
    }

    /// What becomes of a rollout that does not go well.
    package enum Reaction: String, Sendable, Hashable, CaseIterable {
        /// Everything goes to the stable target again.
        case rollback
        /// The share stays as it is until a person decides.
        case pause
    }

    /// A plan of the given parts.
    package init(
        name: String, target: String, stable: String, canary: String, steps: [Step],
        checks: [Check], doubt: Int = 50_000, window: Nanoseconds = .seconds(300),
        onFailure: Reaction = .rollback, inconclusiveAfter: Nanoseconds = .seconds(3_600),
        onInconclusive: Reaction = .pause, fingerprint: UInt64 = 0
    ) {
        self.name = name
        self.target = target
        self.stable = stable
        self.canary = canary
        self.steps = steps
        self.checks = checks
        self.doubt = doubt
        self.window = window
        self.onFailure = onFailure
        self.inconclusiveAfter = inconclusiveAfter
        self.onInconclusive = onInconclusive
        self.fingerprint = fingerprint
    }
}

/// What a Rollout gives its canary at present.
package struct RolloutShare: Sendable, Hashable {
    /// `namespace/name` of the Rollout.
    package var name: String
    /// The canary's share in percent.
    package var weight: Int
    /// The share in percent of the stable target's requests that the canary gets a copy of.
    package var mirror: Int

    /// What the Rollout `name` gives.
    package init(name: String, weight: Int, mirror: Int = 0) {
        self.name = name
        self.weight = weight
        self.mirror = mirror
    }
}
