// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Requests stand behind one another on a connection; each gets its own answer.
    static let pipelinedRequests = Scenario(
        "PipelinedRequests", "an answer reaches the caller of another request"
    ) { random in
        var habits = ServerHabits()
        habits.statusPermille = 150
        habits.cutPermille = 60
        var stage = Stage(MeshSketch(endpoints: 3), habits: habits)
        stage.options.callers.pipelinePermille = 800
        stage.options.callers.chunkedPermille = 300
        stage.options.callerNetwork = .rough(.milliseconds(1))
        stage.fill(50, every: .milliseconds(4), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .pipelined)
    }
}
