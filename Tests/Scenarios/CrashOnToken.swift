// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// An engine dies at a token of its own choosing, with everything it computes.
    static let crashOnToken = Scenario(
        "CrashOnToken", "a crash in the middle of a batch leaves callers waiting"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2, fallback: 1))
        stage.servers[0].faults.crashAfterTokens = 5 + random.below(60)
        stage.servers[1].faults.crashAfterTokens = 40 + random.below(60)
        stage.fill(40, every: .milliseconds(4), streams: 600, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .serverCrash)
            + Expect.atMost(outcome, end: .unanswered, count: 0)
    }
}
