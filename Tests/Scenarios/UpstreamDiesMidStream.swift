// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A stream that was cut must never look like one that is complete.
    static let upstreamDiesMidStream = Scenario(
        "UpstreamDiesMidStream", "a stream that was cut looks whole to its caller"
    ) { random in
        var habits = ServerHabits()
        habits.cutPermille = 200
        habits.resetPermille = 200
        var stage = Stage(MeshSketch(endpoints: 3), habits: habits)
        stage.options.serverNetwork = .rough(.microseconds(200))
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .answerCut, .answerReset) + Expect.some(outcome, end: .truncated)
    }
}
