// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Callers that stop reading are given up; the others do not feel them.
    static let deafReader = Scenario(
        "DeafReader", "a caller that never reads again holds a model server for ever"
    ) { random in
        var mesh = MeshSketch(endpoints: 2)
        mesh.limits = ["idleTimeout: 2s"]
        var stage = Stage(mesh)
        stage.options.callers.deafPermille = 400
        stage.options.callerNetwork.window = 2048
        stage.options.serverNetwork.window = 4096
        stage.fill(14, every: .milliseconds(30), tokens: 60...260, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .deafReader)
            + (outcome.servers.contains { $0.running > 0 } ? ["a server still works"] : [])
    }
}
