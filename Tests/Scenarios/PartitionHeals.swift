// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The proxy is cut off from a server and joined with it again.
    static let partitionHeals = Scenario(
        "PartitionHeals", "what was held back by a partition comes to the wrong request"
    ) { random in
        var mesh = MeshSketch(endpoints: 3)
        mesh.defaults = ["timeouts: {connect: 300ms, firstByte: 1s, streamIdle: 500ms}"]
        var stage = Stage(mesh)
        stage.fill(40, every: .milliseconds(10), tokens: 10...40, using: &random)
        for turn in 0..<3 {
            let at = Int64(turn) * 120 + 20
            let server = random.below(3)
            stage.plan(.partition(server: server), at: .milliseconds(at))
            stage.plan(
                .heal(server: server), at: .milliseconds(at + 50 + Int64(random.below(900))))
        }
        return stage
    } expect: { outcome in
        Expect.met(outcome, .partition) + Expect.some(outcome, end: .whole)
    }
}
