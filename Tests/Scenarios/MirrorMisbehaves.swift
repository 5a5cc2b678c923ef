// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Copies go to a server that does everything wrong; no request feels it.
    static let mirrorMisbehaves = Scenario(
        "MirrorMisbehaves", "a copy for a mirror delays or fails the request itself"
    ) { random in
        var mesh = MeshSketch(endpoints: 2, fallback: 1)
        mesh.fallbacks = []
        mesh.isPlain = true
        mesh.mirror = "spare"
        var stage = Stage(mesh)
        stage.servers[2].habits.vanishPermille = 300
        stage.servers[2].habits.malformedPermille = 200
        stage.servers[2].habits.resetPermille = 300
        stage.servers[2].habits.slowPermille = 500
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 40)
            + (outcome.answers[2] > 0 ? [] : ["no copy was sent"])
    }
}
