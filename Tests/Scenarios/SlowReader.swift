// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Callers that read slowly cost no memory, and get every byte.
    static let slowReader = Scenario(
        "SlowReader", "a caller that reads slowly fills the proxy's memory"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2))
        stage.options.callers.slowPermille = 700
        stage.options.callers.slowBytes = 100
        stage.options.callers.slowRest = .milliseconds(10)
        stage.options.callerNetwork.window = 2048
        stage.options.serverNetwork.window = 4096
        stage.fill(5, every: .milliseconds(30), tokens: 900...1100, streams: 1000, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .slowReader) + Expect.all(outcome, end: .whole, of: 5)
    }
}
