// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Every write arrives in pieces that are cut anywhere; no byte may change.
    static let tornSegments = Scenario(
        "TornSegments", "a piece that ends in the middle of something is misread"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2))
        stage.options.callerNetwork = .rough(.milliseconds(1))
        stage.options.serverNetwork = .rough(.microseconds(300))
        stage.options.callerNetwork.splitPermille = 900
        stage.options.serverNetwork.splitPermille = 900
        stage.options.callers.chunkedPermille = 500
        stage.options.callers.usagePermille = 500
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .segmentSplit, .segmentLost) + Expect.all(outcome, end: .whole, of: 40)
    }
}
