// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// One of three servers refuses connections; nobody notices.
    static let connectRefused = Scenario(
        "ConnectRefused", "a server that refuses connections costs its share of requests"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = ["retry: {budget: {percent: 100, minPerSecond: 100}}"]
        var stage = Stage(mesh)
        stage.servers[1].habits.accepts = false
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .connectRefused) + Expect.all(outcome, end: .whole, of: 40)
    }
}
