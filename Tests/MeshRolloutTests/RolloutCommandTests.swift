// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshRollout
import MeshSnapshot
import MeshTelemetry
import Testing

/// What people want, in every phase, and what outlives the process.
@Suite("people steer a rollout")
struct RolloutCommandTests {
    /// A rollout in `phase`.
    private func bench(in phase: RolloutState.Phase) throws -> RolloutBench {
        var bench = RolloutBench(.sample(), seed: 5)
        bench.tick()
        switch phase {
        case .progressing: break
        case .paused: try bench.obey(.pause)
        case .promoted: try bench.obey(.promoteFull)
        case .rolledBack:
            bench.canary.errors = 1
            bench.run(seconds: 600)
        case .aborted: try bench.obey(.abort)
        case .unknown:
            bench.rollout = Rollout(
                .sample(), unreadable: "it was cut off", wall: bench.wall)
        }
        #expect(bench.rollout.state.phase == phase)
        return bench
    }

    /// What becomes of each phase by each command, in the order of the cases; nil is a refusal.
    private static let table: [(RolloutCommand, [RolloutState.Phase?])] = [
        (.promote, [.progressing, .progressing, nil, nil, nil, nil]),
        (.promoteFull, [.promoted, .promoted, nil, nil, nil, nil]),
        (.pause, [.paused, nil, nil, nil, nil, nil]),
        (.resume, [nil, .progressing, nil, nil, nil, nil]),
        (.abort, [.aborted, .aborted, .aborted, nil, nil, nil]),
        (.restart, Array(repeating: .progressing, count: 6)),
    ]

    @Test("each command does in each phase what the table says")
    func everyCell() throws {
        #expect(Self.table.map(\.0) == RolloutCommand.allCases)
        for (command, outcomes) in Self.table {
            for (phase, outcome) in zip(RolloutState.Phase.allCases, outcomes) {
                var bench = try bench(in: phase)
                let before = bench.rollout.state
                guard let outcome else {
                    let refusal = #expect(throws: RolloutRefusal.self) {
                        try bench.obey(command)
                    }
                    #expect(bench.rollout.state == before, "\(command) in \(phase)")
                    #expect(refusal?.remedy.isEmpty == false)
                    continue
                }
                let change = try bench.obey(command)
                #expect(bench.rollout.state.phase == outcome, "\(command) in \(phase)")
                #expect(change.former == phase)
                #expect(change.phase == outcome)
                #expect(change.share == bench.rollout.share)
                #expect((bench.rollout.state.pause != nil) == (outcome == .paused))
            }
        }
    }

    @Test("promoted past the last step it has everything, aborted nothing")
    func ends() throws {
        var bench = RolloutBench(.sample(), seed: 5)
        #expect(try bench.obey(.promote).share.weight == 25)
        #expect(try bench.obey(.promote).share.weight == 50)
        #expect(try bench.obey(.promote).share.weight == 100)
        #expect(bench.rollout.state.phase == .promoted)
        #expect(try bench.obey(.abort).share.weight == 0)
        #expect(try bench.obey(.restart).share.weight == 5)
        #expect(bench.rollout.state.step == 0)
    }

    @Test("paused by a person it stays as it is, and a failing canary goes back all the same")
    func paused() throws {
        var bench = RolloutBench(.sample(), seed: 6)
        bench.tick()
        try bench.obey(.pause)
        for _ in 0..<500 { bench.tick() }
        #expect(bench.rollout.state.phase == .paused)
        #expect(bench.rollout.share.weight == 5)
        bench.canary.errors = 1
        for _ in 0..<200 { bench.tick() }
        #expect(bench.rollout.state.phase == .rolledBack, "\(bench.changes)")
    }

    @Test("a step that asks for a person waits for one")
    func manual() throws {
        let plan = RolloutPlan.sample(
            steps: [
                .init(weight: 10, hold: .seconds(30), isManual: true),
                .init(weight: 50, hold: .seconds(30)),
            ])
        var bench = RolloutBench(plan, seed: 7)
        bench.run(seconds: 500)
        #expect(bench.rollout.state.pause == .step)
        for _ in 0..<500 { bench.tick() }
        #expect(bench.rollout.share.weight == 10)
        var other = bench
        #expect(try bench.obey(.promote).share.weight == 50)
        #expect(try other.obey(.resume).share.weight == 50)
        bench.run(seconds: 500)
        #expect(bench.rollout.state.phase == .promoted)
    }

    @Test("paused for a failure it is told once, and measured anew when a person resumes it")
    func failurePauses() throws {
        var bench = RolloutBench(.sample(onFailure: .pause), seed: 8)
        bench.canary.errors = 0.5
        bench.run(seconds: 600)
        #expect(bench.rollout.state.pause == .failure)
        for _ in 0..<600 { bench.tick() }
        #expect(bench.changes.count == 1)
        #expect(bench.rollout.share.weight == 5)
        bench.canary.errors = 0.01
        try bench.obey(.resume)
        #expect(bench.rollout.counts.canary.requests == 0)
        bench.run(seconds: 1_000)
        #expect(bench.rollout.state.phase == .promoted, "\(bench.changes)")
    }

    @Test("a rollout goes on from a file as if nothing had been", arguments: 0..<6)
    func restart(seed: Int) throws {
        var bench = RolloutBench(.sample(), seed: UInt64(seed))
        bench.canary.errors = seed % 2 == 0 ? 0.01 : 0.05
        for _ in 0..<70 { bench.tick() }
        let file = try JSONEncoder().encode(bench.rollout.state)
        let state = try JSONDecoder().decode(RolloutState.self, from: file)
        #expect(state == bench.rollout.state, "seed \(seed)")
        #expect(state.fault(for: bench.rollout.plan) == nil)
        var other = bench
        other.rollout = Rollout(bench.rollout.plan, resuming: state)
        // The clock of another process begins elsewhere; what it took to start is not counted.
        _ = other.rollout.advance(RolloutCounts(), wall: other.wall, at: other.now)
        bench.run(seconds: 3_000)
        other.run(seconds: 3_000)
        #expect(bench.changes == other.changes, "seed \(seed)")
        #expect(bench.rollout.state == other.rollout.state, "seed \(seed)")
    }

    @Test("a state that cannot be is told")
    func faults() throws {
        var bench = RolloutBench(.sample(), seed: 1)
        for _ in 0..<2 { bench.tick() }
        let file = try JSONEncoder().encode(bench.rollout.state)
        let text = String(decoding: file, as: UTF8.self)
        let wrong: [(String, String)] = [
            ("\"step\":0", "\"step\":9"), ("\"windows\":1", "\"windows\":0"),
            ("default\\/chat", "default\\/other"), ("\"errors\":0", "\"errors\":3000"),
            ("\"phase\":\"Progressing\"", "\"phase\":\"Paused\""),
            ("\"windows\":1", "\"windows\":9223372036854775807"),
            ("\"held\":{\"rawValue\":1000000000", "\"held\":{\"rawValue\":9223372036854775807"),
        ]
        for (old, new) in wrong {
            let changed = text.replacingOccurrences(of: old, with: new)
            #expect(changed != text, "\(old) stands in \(text)")
            let state = try JSONDecoder().decode(RolloutState.self, from: Data(changed.utf8))
            #expect(state.fault(for: bench.rollout.plan) != nil, "\(new)")
        }
    }

    @Test("whatever happens, a rollout stays sound", arguments: 0..<40)
    func anySequence(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed) + 500)
        let plan = RolloutPlan.sample(
            steps: [
                .init(weight: 0, mirror: 20, hold: .seconds(5)),
                .init(weight: 10, hold: .seconds(5), isManual: random.below(2) == 0),
                .init(weight: 100, hold: .seconds(5)),
            ],
            onFailure: random.below(2) == 0 ? .pause : .rollback,
            inconclusiveAfter: .seconds(20),
            onInconclusive: random.below(2) == 0 ? .pause : .rollback)
        var bench = RolloutBench(plan, seed: UInt64(seed))
        for step in 0..<400 {
            bench.canary.errors = [0, 0.02, 0.5][random.below(3)]
            bench.rate = [0, 5, 40][random.below(3)]
            let before = bench.rollout.state.phase
            let count = bench.changes.count
            if random.below(12) == 0 {
                let command = RolloutCommand.allCases[random.below(6)]
                do {
                    try bench.obey(command)
                } catch {
                    #expect(error is RolloutRefusal)
                }
            } else {
                bench.tick()
            }
            let state = bench.rollout.state
            #expect(state.fault(for: plan) == nil, "seed \(seed), step \(step)")
            #expect(state.history.count <= 32)
            if state.phase != before {
                #expect(bench.changes.count == count + 1, "seed \(seed), step \(step)")
                #expect(bench.changes.last?.phase == state.phase)
            }
            let share = bench.rollout.share
            #expect((0...100).contains(share.weight) && (0...100).contains(share.mirror))
            #expect(state.phase.isLive || share.mirror == 0)
        }
    }
}
