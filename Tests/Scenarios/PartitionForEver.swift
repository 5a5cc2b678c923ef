// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The proxy is cut off from all servers and stays so; every caller is told.
    static let partitionForEver = Scenario(
        "PartitionForEver", "without any server callers wait for ever"
    ) { random in
        var mesh = MeshSketch(endpoints: 2)
        mesh.defaults = ["timeouts: {connect: 300ms, firstByte: 1s, streamIdle: 1s}"]
        var stage = Stage(mesh)
        stage.fill(30, every: .milliseconds(10), tokens: 10...40, using: &random)
        stage.plan(.partition(server: 0), at: .milliseconds(60))
        stage.plan(.partition(server: 1), at: .milliseconds(100))
        return stage
    } expect: { outcome in
        Expect.met(outcome, .partition) + Expect.some(outcome, end: .refused)
            + Expect.atMost(outcome, end: .unanswered, count: 0)
    }
}
