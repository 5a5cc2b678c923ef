// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A stream that stops is cut after its time limit, with an error, and its server freed.
    static let stalledStream = Scenario(
        "StalledStream", "a stream that stops holds its caller for ever"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = ["timeouts: {streamIdle: 1s, firstByte: 2s}"]
        var habits = ServerHabits()
        habits.stallPermille = 300
        var stage = Stage(mesh, habits: habits)
        stage.fill(30, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        let stalls = outcome.count(code: "stream-stalled")
        return Expect.met(outcome, .answerStalled)
            + (stalls > 0 ? [] : ["no stream was found to have stalled"])
    }
}
