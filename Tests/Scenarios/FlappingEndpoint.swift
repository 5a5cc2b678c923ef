// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A server goes down and comes back, again and again.
    static let flappingEndpoint = Scenario(
        "FlappingEndpoint", "a server that comes and goes takes the others' requests with it"
    ) { random in
        var mesh = MeshSketch(endpoints: 4)
        mesh.defaults = [
            "outlierDetection: {consecutiveFailures: 2, baseEjectionTime: 100ms}",
            "healthCheck: {path: /health, interval: 50ms, timeout: 20ms, unhealthyThreshold: 1}",
            "retry: {attempts: 3, budget: {percent: 100, minPerSecond: 100}}",
        ]
        var stage = Stage(mesh)
        stage.options.shards = 2
        stage.fill(60, every: .milliseconds(10), using: &random)
        for turn in 0..<6 {
            let at = Int64(turn) * 100 + Int64(random.below(40))
            stage.plan(.crash(server: 0), at: .milliseconds(at))
            stage.plan(.restart(server: 0), at: .milliseconds(at + 50))
        }
        return stage
    } expect: { outcome in
        Expect.met(outcome, .serverCrash) + Expect.most(outcome, end: .whole, percent: 80)
    }
}
