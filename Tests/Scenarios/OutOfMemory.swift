// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Engines run out of memory for long answers, before the first token and behind it.
    static let outOfMemory = Scenario(
        "OutOfMemory", "a server without memory breaks the answers of others"
    ) { random in
        var stage = Stage(MeshSketch(endpoints: 2, fallback: 1))
        stage.servers[0].faults.outOfMemoryAboveTokens = 250
        stage.servers[1].faults.outOfMemoryAboveTokens = 200
        stage.fill(40, every: .milliseconds(8), tokens: 3...30, using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .errorStatus)
    }
}
