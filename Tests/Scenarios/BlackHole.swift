// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Connections that are never answered end by a time limit, and are tried elsewhere.
    static let blackHole = Scenario(
        "BlackHole", "a connection that is never answered holds its request for ever"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = ["timeouts: {connect: 300ms}", "retry: {attempts: 4}"]
        var stage = Stage(mesh)
        stage.options.serverNetwork.blackHolePermille = 300
        stage.fill(30, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .connectBlackHole) + Expect.most(outcome, end: .whole, percent: 80)
    }
}
