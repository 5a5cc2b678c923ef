// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A server reads requests and never answers; its time limit sends them elsewhere.
    static let muteServer = Scenario(
        "MuteServer", "a server that never answers takes a third of all requests with it"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = [
            "timeouts: {firstByte: 400ms}", "outlierDetection: {consecutiveFailures: 2}",
            "retry: {attempts: 3, budget: {percent: 100, minPerSecond: 100}}",
        ]
        var stage = Stage(mesh)
        stage.servers[2].habits.isMute = true
        stage.fill(40, every: .milliseconds(20), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .answerStalled) + Expect.most(outcome, end: .whole, percent: 95)
    }
}
