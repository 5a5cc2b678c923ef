// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Copies go to a server that does everything wrong; no request feels it.
    static let mirrorMisbehaves = Scenario(
        "MirrorMisbehaves", "a copy for a mirror delays or fails the request itself"
    ) { random in
        stage([], using: &random)
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 40)
            + (outcome.answers[2] > 0 ? [] : ["no copy was sent"])
    }

    /// The same where its answers are compared; the world's checks see whether any copy is lost.
    static let comparedMirrorMisbehaves = Scenario(
        "ComparedMirrorMisbehaves",
        "an answer that is waited for in order to compare it delays or fails the request itself"
    ) { random in
        stage(["comparison: {percent: 100, concurrent: 3, timeout: 1s}"], using: &random)
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 40)
            + (outcome.answers[2] > 0 ? [] : ["no copy was sent"])
    }

    private static func stage(
        _ defaults: [String], using random: inout SplitMix64
    ) -> Stage {
        var mesh = MeshSketch(endpoints: 2, fallback: 1)
        mesh.fallbacks = []
        mesh.isPlain = true
        mesh.mirror = "spare"
        mesh.defaults = defaults
        var stage = Stage(mesh)
        stage.servers[2].habits.vanishPermille = 300
        stage.servers[2].habits.malformedPermille = 200
        stage.servers[2].habits.resetPermille = 300
        stage.servers[2].habits.slowPermille = 500
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    }
}
