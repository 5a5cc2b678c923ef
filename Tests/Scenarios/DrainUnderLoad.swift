// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The process is told to stop in the middle; what runs ends, what comes is not taken.
    static let drainUnderLoad = Scenario(
        "DrainUnderLoad", "stopping the process cuts a request that would have ended"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 3))
        stage.options.shards = 2
        stage.options.callers.pipelinePermille = 200
        stage.fill(50, every: .milliseconds(8), tokens: 5...40, using: &random)
        stage.plan(.drain(timeout: .seconds(20)), at: .milliseconds(150))
        return stage
    } expect: { outcome in
        Expect.met(outcome, .drain) + Expect.atMost(outcome, end: .truncated, count: 0)
            + Expect.some(outcome, end: .notConnected)
    }
}
