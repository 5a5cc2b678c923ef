// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Callers close their sending side behind the request; that is as good as leaving.
    static let callerHalfCloses = Scenario(
        "CallerHalfCloses", "half a connection is never let go of"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2))
        stage.options.callers.halfClosePermille = 500
        stage.options.callerNetwork.splitPermille = 500
        stage.options.callerNetwork.jitter = .milliseconds(3)
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .callerHalfClosed)
    }
}
