// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// All servers of a model go down at once; its fallback takes over and hands back.
    static let primaryDown = Scenario(
        "PrimaryDown", "a fallback is there and is not used"
    ) { random in
        var mesh = MeshSketch(endpoints: 2, fallback: 2)
        mesh.defaults = ["outlierDetection: {consecutiveFailures: 3, baseEjectionTime: 50ms}"]
        var stage = Stage(mesh)
        stage.fill(50, every: .milliseconds(10), using: &random)
        for server in 0..<2 {
            stage.plan(.crash(server: server), at: .milliseconds(100))
            stage.plan(.restart(server: server), at: .milliseconds(300))
        }
        return stage
    } expect: { outcome in
        Expect.met(outcome, .serverCrash) + Expect.most(outcome, end: .whole, percent: 75)
            + (outcome.requests.contains { $0.server >= 2 } ? [] : ["no fallback was used"])
            + Expect.atMost(outcome, end: .refused, count: 0)
    }
}
