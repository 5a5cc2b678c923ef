// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Servers end their streams by closing, some of them too early.
    static let endByClose = Scenario(
        "EndByClose", "an early close of a stream framed by its close looks whole"
    ) { random in
        var habits = ServerHabits()
        habits.framing = .untilClose
        habits.cutPermille = 250
        habits.resetPermille = 150
        var stage = Stage(MeshSketch(endpoints: 3), habits: habits)
        stage.options.serverNetwork = .rough(.microseconds(200))
        stage.fill(40, every: .milliseconds(8), streams: 1000, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .answerCut) + Expect.some(outcome, end: .truncated)
            + Expect.some(outcome, end: .whole)
    }
}
