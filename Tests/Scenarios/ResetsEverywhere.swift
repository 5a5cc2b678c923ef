// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Connections are reset on both sides of the proxy, at any write.
    static let resetsEverywhere = Scenario(
        "ResetsEverywhere", "a reset leaves half of an exchange behind"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 3, fallback: 1))
        stage.options.callerNetwork.resetPermille = 15
        stage.options.serverNetwork.resetPermille = 25
        stage.options.serverNetwork.refusePermille = 60
        stage.fill(50, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .connectionReset)
    }
}
