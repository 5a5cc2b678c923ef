// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The process can wait no longer: streams end with an error, not as if they were whole.
    static let cutOffMidStream = Scenario(
        "CutOffMidStream", "a stream that the stopping process cut looks whole"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 3))
        stage.options.callers.slowPermille = 200
        stage.options.callers.oldPermille = 200
        stage.fill(40, every: .milliseconds(5), tokens: 20...60, using: &random)
        stage.plan(
            .drain(timeout: .milliseconds(Int64(random.below(60)))), at: .milliseconds(120))
        return stage
    } expect: { outcome in
        Expect.metAll(outcome, .drain, .cutOff) + Expect.some(outcome, end: .truncated)
    }
}
