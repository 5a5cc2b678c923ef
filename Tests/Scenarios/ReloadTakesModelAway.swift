// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A model's backend becomes another in the middle of its streams; they go on.
    static let reloadTakesModelAway = Scenario(
        "ReloadTakesModelAway", "a stream ends because its backend was taken out"
    ) { random in
        let mesh = MeshSketch(endpoints: 2, fallback: 2)
        var other = mesh
        other.backends = [mesh.backends[1]]
        other.fallbacks = []
        var stage = Stage(mesh)
        stage.fill(30, every: .milliseconds(6), tokens: 20...40, streams: 1000, using: &random)
        for turn in 1..<8 {
            let next = turn % 2 == 1 ? other : mesh
            stage.plan(
                .publish(try next.snapshot(version: UInt64(turn + 1))),
                at: .milliseconds(Int64(turn) * 30 + Int64(random.below(20))))
        }
        return stage
    } expect: { outcome in
        Expect.met(outcome, .reload) + Expect.all(outcome, end: .whole, of: 30)
    }
}
