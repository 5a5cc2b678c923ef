// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The configuration changes all the time: endpoints come and go, none while it serves.
    static let reloadUnderLoad = Scenario(
        "ReloadUnderLoad", "a change of the configuration loses a request"
    ) { random in
        var mesh = MeshSketch(endpoints: 6)
        var stage = Stage(mesh)
        stage.options.shards = 2
        stage.fill(40, every: .milliseconds(10), using: &random)
        for version in 2..<32 {
            mesh.backends[0].endpoints = (1...6).filter { _ in random.below(2) == 0 }
            if mesh.backends[0].endpoints.isEmpty { mesh.backends[0].endpoints = [3] }
            if random.below(2) == 0 {
                // Numbers of backends move while names stay.
                mesh.backends.insert(.init("a\(version)", subnet: 9, endpoints: [1]), at: 0)
                mesh.backends.swapAt(0, mesh.backends.count - 1)
            }
            let snapshot = try mesh.snapshot(version: UInt64(version))
            stage.plan(.publish(snapshot), at: .milliseconds(Int64(version) * 14))
            mesh.backends = [mesh.backends.first { $0.name == "b" } ?? mesh.backends[0]]
        }
        return stage
    } expect: { outcome in
        Expect.met(outcome, .reload) + Expect.all(outcome, end: .whole, of: 40)
    }
}
