// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Streams without `[DONE]` but with a finish reason are whole; cut ones are not.
    static let doneMissing = Scenario(
        "DoneMissing", "a stream that ends without [DONE] is passed off as complete or is lost"
    ) { random in
        var habits = ServerHabits()
        habits.doneMissingPermille = 500
        habits.cutPermille = 200
        habits.framing = random.below(2) == 0 ? .chunked : .untilClose
        var stage = Stage(MeshSketch(endpoints: 2), habits: habits)
        stage.options.callers.usagePermille = 400
        stage.fill(40, every: .milliseconds(8), streams: 1000, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .doneMissing) + Expect.some(outcome, end: .truncated)
            + Expect.some(outcome, end: .whole)
    }
}
