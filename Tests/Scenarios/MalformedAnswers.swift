// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// What is not an answer never reaches a caller.
    static let malformedAnswers = Scenario(
        "MalformedAnswers", "what is not an answer reaches a caller"
    ) { random in
        var habits = ServerHabits()
        habits.malformedPermille = 300
        var stage = Stage(MeshSketch(endpoints: 3, fallback: 1), habits: habits)
        stage.servers[3].habits = ServerHabits()
        stage.options.serverNetwork.splitPermille = 700
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .malformedAnswer) + Expect.most(outcome, end: .whole, percent: 60)
    }
}
