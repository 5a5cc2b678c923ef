// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Nothing goes wrong, and yet something does.
    static let quietDay = Scenario(
        "QuietDay", "a request fails on a day on which nothing does"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 3))
        stage.fill(40, every: .milliseconds(8), using: &random)
        return stage
    } expect: { outcome in
        Expect.all(outcome, end: .whole, of: 40) + Expect.noFaults(outcome)
    }
}
