// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// The failure mode lets pass what the engine says nothing about, and answers are kept: an
    /// outage costs time and no request.
    static let policyEngineForgiven = Scenario(
        "PolicyEngineForgiven", "an outage of a policy engine that may fail stops requests"
    ) { random in
        var mesh = MeshSketch(endpoints: 2)
        mesh.policyEngine = [
            "protocol: ExtAuthzGRPC", "timeout: 30ms", "failureMode: allow",
            "cache: {ttl: 100ms, entries: 3, key: [\"request.headers['x-session-id']\"]}",
        ]
        var stage = Stage(mesh)
        stage.fill(120, every: .milliseconds(8), using: &random)
        var habits = PolicyEngineHabits()
        habits.isMute = random.below(2) == 0
        habits.isDown = !habits.isMute
        stage.plan(.policyEngines(habits), at: .milliseconds(200))
        stage.plan(.policyEngines(PolicyEngineHabits()), at: .milliseconds(500))
        return stage
    } expect: { outcome in
        Expect.met(outcome, .policyEngineMute, .policyEngineDown)
            + Expect.all(outcome, end: .whole, of: 120)
    }
}
