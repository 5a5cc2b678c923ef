// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Everybody comes at once, more than the proxy takes connections.
    static let thunderingHerd = Scenario(
        "ThunderingHerd", "a burst of connections is neither served nor refused"
    ) { random in
        var mesh = MeshSketch(endpoints: 4)
        mesh.limits = ["connections: 40"]
        var stage = Stage(mesh)
        stage.options.shards = 3
        stage.fill(60, every: .zero, using: &random)
        return stage
    } expect: { outcome in
        Expect.some(outcome, end: .whole) + Expect.some(outcome, end: .refused)
            + (outcome.count(code: "too-many-connections") > 0 ? [] : ["nobody was refused"])
    }
}
