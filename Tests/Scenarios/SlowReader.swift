// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Callers that read slowly cost no memory, and get every byte.
    static let slowReader = Scenario(
        "SlowReader", "a caller that reads slowly fills the proxy's memory"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2))
        stage.options.callers.slowPermille = 600
        stage.options.callers.slowBytes = 1500
        stage.options.callers.slowRest = .milliseconds(10)
        stage.options.callerNetwork.window = 2048
        stage.options.serverNetwork.window = 4096
        stage.fill(10, every: .milliseconds(30), tokens: 100...300, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .slowReader) + Expect.all(outcome, end: .whole, of: 10)
    }
}
