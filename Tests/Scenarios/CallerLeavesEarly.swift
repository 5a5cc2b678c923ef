// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Callers leave at any moment; the model server must stop working for them.
    static let callerLeavesEarly = Scenario(
        "CallerLeavesEarly", "a model server goes on for a caller that has left"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2))
        stage.options.callers.leavePermille = 600
        stage.options.callers.leaveWithin = .milliseconds(400)
        stage.fill(40, every: .milliseconds(8), tokens: 20...60, using: &random)
        return stage
    } expect: { outcome in
        let left = outcome.servers.reduce(0) { $0 + $1.running + $1.waiting }
        return Expect.met(outcome, .callerLeft)
            + (left == 0 ? [] : ["\(left) jobs outlived their callers"])
    }
}
