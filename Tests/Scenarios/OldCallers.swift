// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// For a caller of HTTP/1.0 the connection's end is that of the answer: a cut must be a reset.
    static let oldCallers = Scenario(
        "OldCallers", "a cut answer to HTTP/1.0 ends like a whole one"
    ) { random in
        var habits = ServerHabits()
        habits.cutPermille = 200
        habits.resetPermille = 200
        habits.framing = random.below(2) == 0 ? .chunked : .untilClose
        var stage = Stage(MeshSketch(endpoints: 2), habits: habits)
        stage.options.callers.oldPermille = 700
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .answerCut, .answerReset) + Expect.some(outcome, end: .truncated)
    }
}
