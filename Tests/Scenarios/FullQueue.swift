// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// A burst fills the queues of the servers: 429 with Retry-After, then the fallback.
    static let fullQueue = Scenario(
        "FullQueue", "a burst beyond the servers' queues is answered with errors"
    ) { random in
        var profile = EngineProfile.quick
        profile.sequencesMax = 2
        profile.waitingMax = 3
        var mesh = MeshSketch(endpoints: 2, fallback: 1)
        mesh.defaults = ["retry: {statuses: [429, 503], attempts: 2}"]
        var stage = Stage(mesh, profile: profile)
        stage.servers[2].profile = .quick
        stage.fill(60, every: .microseconds(500), using: &random)
        return stage
    } expect: { outcome in
        Expect.met(outcome, .errorStatus) + Expect.all(outcome, end: .whole, of: 60)
            + (outcome.requests.contains { $0.server == 2 } ? [] : ["no fallback was used"])
    }
}
