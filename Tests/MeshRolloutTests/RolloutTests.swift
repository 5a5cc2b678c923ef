// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshRollout
import MeshSnapshot
import MeshTelemetry
import Testing

/// A canary that is good goes all the way, one that is bad goes back, and people have the last
/// word. Seeds stand in every message.
@Suite("a rollout goes on, waits or goes back")
struct RolloutTests {
    @Test("a good canary gets more step by step, never sooner than it may", arguments: 0..<12)
    func good(seed: Int) {
        var bench = RolloutBench(.sample(), seed: UInt64(seed))
        #expect(bench.rollout.share == RolloutShare(name: "default/chat", weight: 5))
        let seconds = bench.run(seconds: 2_000)
        #expect(bench.rollout.state.phase == .promoted, "seed \(seed): \(bench.changes)")
        #expect(bench.changes.map(\.share.weight) == [25, 50, 100], "seed \(seed)")
        #expect(seconds >= 180, "seed \(seed)")
        #expect(bench.rollout.share.weight == 100)
        #expect(bench.changes.allSatisfy { $0.reason.contains("held") }, "seed \(seed)")
    }

    @Test(
        "a canary with 5 points more errors goes back, and few callers are hurt", arguments: 0..<20)
    func bad(seed: Int) {
        var bench = RolloutBench(.sample(), seed: UInt64(seed))
        bench.canary.errors = 0.06
        bench.run(seconds: 3_000)
        #expect(bench.rollout.state.phase == .rolledBack, "seed \(seed): \(bench.changes)")
        #expect(bench.rollout.share.weight == 0)
        // Of 120,000 requests.
        #expect(bench.hurt < 120, "seed \(seed): \(bench.hurt) callers")
        let reason = bench.changes.last?.reason ?? ""
        #expect(reason.contains("errors") && reason.contains("1 point above stable"), "\(reason)")
    }

    @Test("a canary that fails altogether goes back within seconds", arguments: 0..<5)
    func broken(seed: Int) {
        var bench = RolloutBench(.sample(), seed: UInt64(seed))
        bench.canary.errors = 1
        let seconds = bench.run(seconds: 600)
        #expect(bench.rollout.state.phase == .rolledBack, "seed \(seed)")
        #expect(seconds < 25 && bench.hurt <= 30, "seed \(seed): \(seconds) s, \(bench.hurt)")
    }

    @Test("chance alone sends hardly any canary back that is just at its bound")
    func noise() {
        // No margin at all, and far more looks than a step has: the worst case.
        let check = RolloutPlan.Check(.errors, increase: 0, samplesMin: 20)
        let plan = RolloutPlan.sample(
            steps: [.init(weight: 50, hold: .seconds(600))], checks: [check])
        var wrong: [Int] = []
        for seed in 0..<200 {
            var bench = RolloutBench(plan, seed: UInt64(seed))
            bench.stable.errors = 0.03
            bench.canary.errors = 0.03
            bench.rate = 10
            for _ in 0..<600 where bench.rollout.state.phase == .progressing { bench.tick() }
            if bench.rollout.state.phase == .rolledBack { wrong.append(seed) }
        }
        // The doubt allows 10.
        #expect(wrong.count <= 10, "seeds \(wrong)")
    }

    @Test("a slow canary goes back, one that is as fast does not", arguments: 0..<4)
    func slow(seed: Int) {
        let checks = [
            RolloutPlan.Check(.timeToFirstToken, percentOfStable: 130, samplesMin: 100),
            RolloutPlan.Check(.latency, percentile: 90, percentOfStable: 130, samplesMin: 100),
        ]
        var fast = RolloutBench(.sample(checks: checks), seed: UInt64(seed))
        fast.run(seconds: 2_000)
        #expect(fast.rollout.state.phase == .promoted, "seed \(seed): \(fast.changes)")
        var slow = RolloutBench(.sample(checks: checks), seed: UInt64(seed))
        slow.canary.firstToken = 400
        slow.run(seconds: 3_000)
        #expect(slow.rollout.state.phase == .rolledBack, "seed \(seed): \(slow.changes)")
        let reason = slow.changes.last?.reason ?? ""
        #expect(reason.contains("time to first token p95"), "\(reason)")
    }

    @Test("bounds of their own hold without the stable target", arguments: 0..<3)
    func absolute(seed: Int) {
        let cases: [(RolloutPlan.Check, WritableKeyPath<Conduct, Double>, Double)] = [
            (.init(.errors, bound: 20_000, samplesMin: 20), \.errors, 0.1),
            (.init(.latency, bound: 4_000_000_000, samplesMin: 100), \.latency, 2_500),
            (.init(.tokens, bound: 600, samplesMin: 100), \.tokens, 900),
            (.init(.cost, bound: 2_400_000_000, samplesMin: 100), \.cost, 4e9),
        ]
        for (check, path, value) in cases {
            var bench = RolloutBench(.sample(checks: [check]), seed: UInt64(seed))
            bench.run(seconds: 2_000)
            #expect(
                bench.rollout.state.phase == .promoted, "seed \(seed), \(check): \(bench.changes)")
            bench = RolloutBench(.sample(checks: [check]), seed: UInt64(seed))
            bench.canary[keyPath: path] = value
            bench.run(seconds: 3_000)
            #expect(bench.rollout.state.phase == .rolledBack, "seed \(seed), \(check)")
        }
    }

    @Test("more tokens and a higher cost send back", arguments: 0..<3)
    func dear(seed: Int) {
        for (measure, path) in [
            (RolloutPlan.Measure.tokens, \Conduct.tokens),
            (RolloutPlan.Measure.cost, \Conduct.cost),
        ] {
            let check = RolloutPlan.Check(measure, percentOfStable: 130, samplesMin: 100)
            var bench = RolloutBench(.sample(checks: [check]), seed: UInt64(seed))
            bench.canary[keyPath: path] *= 2
            bench.run(seconds: 3_000)
            #expect(bench.rollout.state.phase == .rolledBack, "seed \(seed): \(bench.changes)")
            bench = RolloutBench(.sample(checks: [check]), seed: UInt64(seed))
            bench.run(seconds: 3_000)
            #expect(bench.rollout.state.phase == .promoted, "seed \(seed): \(bench.changes)")
        }
    }

    @Test("a canary that goes bad after hours goes back within its window", arguments: 0..<3)
    func late(seed: Int) {
        let plan = RolloutPlan.sample(steps: [.init(weight: 20, hold: .seconds(20_000))])
        var bench = RolloutBench(plan, seed: UInt64(seed))
        bench.rate = 5
        for _ in 0..<7_200 { bench.tick() }
        #expect(bench.rollout.state.phase == .progressing, "seed \(seed): \(bench.changes)")
        bench.canary.errors = 0.5
        let seconds = bench.run(seconds: 3_000)
        #expect(bench.rollout.state.phase == .rolledBack, "seed \(seed)")
        #expect(seconds < 400, "seed \(seed): \(seconds) s")
    }

    @Test("without requests nothing is promoted, and a person is told")
    func silent() {
        var bench = RolloutBench(.sample(), seed: 1)
        bench.rate = 0
        let seconds = bench.run(seconds: 2_000)
        #expect(bench.rollout.state.phase == .paused)
        #expect(bench.rollout.state.pause == .inconclusive)
        #expect(seconds >= 660 && seconds <= 665)
        #expect(bench.rollout.share.weight == 5)
        #expect(bench.changes.last?.reason.contains("0 of 20 samples") == true)
        let plan = RolloutPlan.sample(onInconclusive: .rollback)
        var other = RolloutBench(plan, seed: 1)
        other.rate = 0
        other.run(seconds: 2_000)
        #expect(other.rollout.state.phase == .rolledBack)
    }

    @Test("copies are compared before anybody is served", arguments: 0..<4)
    func copies(seed: Int) {
        let plan = RolloutPlan.sample(
            steps: [
                .init(weight: 0, mirror: 50, hold: .seconds(60), requestsMin: 100),
                .init(weight: 10, hold: .seconds(60)),
            ],
            checks: [
                RolloutPlan.errorCheck, .init(.mirrorAgreement, bound: 900_000, samplesMin: 50),
                .init(.tokens, percentOfStable: 150, samplesMin: 50),
            ])
        var bench = RolloutBench(plan, seed: UInt64(seed))
        #expect(
            bench.rollout.share == RolloutShare(name: "default/chat", weight: 0, mirror: 50))
        bench.run(seconds: 2_000)
        #expect(bench.rollout.state.phase == .promoted, "seed \(seed): \(bench.changes)")
        bench = RolloutBench(plan, seed: UInt64(seed))
        bench.canary.agreement = 0.7
        bench.run(seconds: 2_000)
        #expect(bench.rollout.state.phase == .rolledBack, "seed \(seed)")
        #expect(bench.hurt == 0)
        #expect(bench.changes.last?.reason.contains("agreement of copies") == true)
    }

    @Test("a canary that has everything is held against what was stable before", arguments: 0..<3)
    func whole(seed: Int) {
        let plan = RolloutPlan.sample(
            steps: [
                .init(weight: 50, hold: .seconds(60)), .init(weight: 100, hold: .seconds(900)),
            ])
        var bench = RolloutBench(plan, seed: UInt64(seed))
        while bench.changes.isEmpty { bench.tick() }
        #expect(bench.rollout.share.weight == 100, "seed \(seed): \(bench.changes)")
        var bad = bench
        bench.run(seconds: 1_000)
        #expect(bench.rollout.state.phase == .promoted, "seed \(seed): \(bench.changes)")
        bad.canary.errors = 0.1
        bad.run(seconds: 1_000)
        #expect(bad.rollout.state.phase == .rolledBack, "seed \(seed)")
    }
}
