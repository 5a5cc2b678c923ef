// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Health checks fail everywhere while servers serve: requests still go somewhere.
    static let healthChecksFail = Scenario(
        "HealthChecksFail", "a wrong health check takes a whole backend out"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = [
            "healthCheck: {path: /health, interval: 40ms, timeout: 20ms, unhealthyThreshold: 1}"
        ]
        var stage = Stage(mesh)
        stage.options.shards = 2
        var failing = ServerHabits()
        failing.passesHealthChecks = false
        for server in 0..<3 {
            stage.plan(
                .habits(server: server, failing), at: .milliseconds(Int64(server) * 60 + 50))
            stage.plan(.habits(server: server, ServerHabits()), at: .milliseconds(400))
        }
        stage.fill(50, every: .milliseconds(10), using: &random)
        return stage
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 50)
    }
}
