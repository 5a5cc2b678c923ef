// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRollout
import MeshSimulator
import MeshSnapshot

extension Scenario {
    /// A canary that is as good as what is stable gets everything in the end.
    static let goodCanary = Scenario(
        "GoodCanary", "noise sends back a canary that is good, or loses a request"
    ) { random in
        canary(using: &random)
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 900)
            + ended(outcome, .promoted, weights: [50, 100])
            + (outcome.requests.suffix(100).allSatisfy { $0.server == 1 }
                ? [] : ["it has not everything in the end"])
    }

    /// A canary of which every third answer is an error goes back.
    static let erringCanary = Scenario(
        "ErringCanary", "a canary that errs gets more, or goes on erring"
    ) { random in
        var stage = canary(using: &random)
        stage.servers[1].habits.statusPermille = 333
        stage.servers[1].habits.statuses = [500]
        return stage
    } expect: { outcome in
        ended(outcome, .rolledBack, weights: [0])
            + (outcome.requests.count { $0.status == 500 } <= 30 ? [] : ["too many were hurt"])
            + (outcome.requests.suffix(100).allSatisfy { $0.server == 0 }
                ? [] : ["it goes on serving"])
    }

    /// A canary whose answers come late goes back.
    static let slowCanary = Scenario(
        "SlowCanary", "a canary that is slow gets more, or stays"
    ) { random in
        var stage = canary(using: &random)
        stage.servers[1].habits.slowPermille = 1000
        return stage
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 900) + ended(outcome, .rolledBack, weights: [0])
            + (outcome.rollouts.last?.reason.contains("latency p50") == true
                ? [] : ["not for its latency: \(outcome.rollouts.last?.reason ?? "")"])
    }

    /// A canary that is down is passed over by what protects callers, and goes back all the same.
    static let deadCanary = Scenario(
        "DeadCanary", "a canary that is passed over is never judged"
    ) { random in
        var stage = canary(using: &random)
        stage.mesh.defaults = ["outlierDetection: {consecutiveFailures: 3, baseEjectionTime: 60s}"]
        stage.servers[1].habits.accepts = false
        return stage
    } expect: { outcome in
        ended(outcome, .rolledBack, weights: [0])
            + (outcome.requests.count { $0.ending != .whole } <= 10 ? [] : ["too many were hurt"])
    }

    private static func canary(using random: inout SplitMix64) -> Stage {
        var mesh = MeshSketch(endpoints: 1, fallback: 1)
        mesh.fallbacks = []
        mesh.rollout = [
            "steps: [{weight: 20, minRequests: 60}, {weight: 50, minRequests: 60}]",
            "analysis: {latency: {percentile: 50, max: 400ms, minSamples: 20}}",
        ]
        var stage = Stage(mesh)
        stage.options.shards = 2
        stage.fill(900, every: .milliseconds(10), using: &random)
        return stage
    }

    private static func ended(
        _ outcome: Outcome, _ phase: RolloutState.Phase, weights: [Int]
    ) -> [String] {
        let seen = outcome.rollouts.map(\.share.weight)
        if seen == weights, outcome.rollouts.last?.phase == phase { return [] }
        return ["the rollout went \(outcome.rollouts.map(\.line))"]
    }
}
