// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A connection that closes in the place of an answer is tried elsewhere, within bounds.
    static let upstreamVanishes = Scenario(
        "UpstreamVanishes", "a server that closes instead of answering is a caller's error"
    ) { random in
        var mesh = MeshSketch(endpoints: 4)
        mesh.defaults = ["retry: {attempts: 3, budget: {percent: 100, minPerSecond: 100}}"]
        var stage = Stage(mesh)
        stage.servers[0].habits.vanishPermille = 700
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .closedBeforeAnswer) + Expect.most(outcome, end: .whole, percent: 90)
    }
}
