// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshSimulator
import Scenarios

/// Measures what a world costs: sixteen servers, fifty requests a second, answers of two hundred
/// streamed tokens.
enum CapacityRun {
    /// Runs so many simulated seconds and prints how long that took; true when all went well.
    static func run(seconds: UInt64) throws -> Bool {
        let mesh = MeshSketch(endpoints: 16)
        var random = SplitMix64(seed: 1)
        var count: UInt64 = 0
        let total = seconds * 50
        let plans = mesh.authorities.map { ServerPlan($0, profile: .small) }
        let world = World(
            snapshot: try mesh.snapshot(version: 1), servers: plans, seed: 1, options: .capacity
        ) {
            guard count < total else { return nil }
            count += 1
            return WorkItem(
                at: Instant(nanoseconds: count * 20_000_000), session: count % 100, model: "m",
                promptTokens: 200 + random.below(400), answerTokens: 150 + random.below(100))
        }
        let began = Date()
        while world.run(for: .seconds(1)) {}
        let outcome = world.finish()
        let wall = -began.timeIntervalSinceNow
        let tokens = outcome.servers.reduce(0) { $0 + $1.generatedTokens }
        let simulated = Double(outcome.endedAt.nanoseconds) / 1e9
        print(
            String(
                format: "%.1f simulated seconds in %.2f s: %.0f a second; %d tokens, %.2f us each",
                simulated, wall, simulated / wall, tokens, wall * 1e6 / Double(tokens)))
        print("\(outcome.count(.whole)) answers whole of \(total)")
        return outcome.count(.whole) == Int(total)
    }
}
