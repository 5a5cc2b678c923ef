// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSimulator

/// One scenario with one seed, played to its end.
package struct Play: Sendable {
    /// The scenario's name.
    package var scenario: String
    /// The seed.
    package var seed: UInt64
    /// What came of it.
    package var outcome: Outcome
    /// What is wrong with that; empty when all is well.
    package var complaints: [String]

    /// The command that plays it again.
    package var command: String { "make sim SCENARIO=\(scenario) SEED=\(seed)" }

    /// Plays `scenario` with `seed`; `adjust` may change the options first.
    package static func run(
        _ scenario: Scenario, seed: UInt64, adjust: (inout WorldOptions) -> Void = { _ in }
    ) throws -> Play {
        // Each scenario has chance of its own, so that a new one changes no other.
        let root = SplitMix64(seed: seed).split(scenario.name)
        var random = root.split("stage")
        var stage = try scenario.stage(&random)
        if !stage.mesh.rollout.isEmpty {
            let mesh = stage.mesh
            stage.options.compile = { try mesh.snapshot(version: $1, shares: $0) }
        }
        adjust(&stage.options)
        var next = 0
        let items = stage.items
        var draw = root.split("world")
        let world = World(
            snapshot: try stage.mesh.snapshot(version: 1), servers: stage.servers,
            seed: draw.next(), options: stage.options
        ) {
            defer { next += 1 }
            return next < items.count ? items[next] : nil
        }
        for (at, what) in stage.incidents {
            world.plan(what, at: Instant(nanoseconds: UInt64(at.rawValue)))
        }
        // What was planned happens even when every caller has ended before.
        let last = stage.incidents.map(\.at).max() ?? .zero
        let plannedEnd = Instant(nanoseconds: UInt64(last.rawValue) + 1)
        let latest = max(plannedEnd, items.last?.at ?? plannedEnd) + .seconds(300)
        while world.now < latest,
            world.run(for: .seconds(1)) || (world.now < plannedEnd && !world.isOver)
        {}
        let outcome = world.finish()
        var complaints = outcome.breaches.map(\.description)
        if complaints.isEmpty { complaints = scenario.expect(outcome) }
        return Play(
            scenario: scenario.name, seed: seed, outcome: outcome, complaints: complaints)
    }

    /// Plays `scenario` once more for every operation towards a server that it makes with
    /// `seed`, each time with the next of them failing. Answers with the plays that went wrong,
    /// and how many there were.
    ///
    /// What the scenario itself expects holds when nothing else fails, so only breaches count.
    package static func failingEach(
        of scenario: Scenario, seed: UInt64, atMost bound: Int = .max
    ) throws -> (plays: Int, bad: [(operation: Int, play: Play)], faults: FaultCounts) {
        let first = try run(scenario, seed: seed)
        var bad: [(operation: Int, play: Play)] = []
        var faults = FaultCounts()
        let count = min(first.outcome.operations, bound)
        for operation in 0..<count {
            var play = try run(scenario, seed: seed) { $0.failOperation = operation }
            play.complaints = play.outcome.breaches.map(\.description)
            if play.outcome.faults[.chosenOperation] != 1 {
                play.complaints.append("operation \(operation) was never reached")
            }
            faults.add(play.outcome.faults)
            if !play.complaints.isEmpty { bad.append((operation, play)) }
        }
        return (count, bad, faults)
    }
}
