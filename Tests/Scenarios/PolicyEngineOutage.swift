// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

extension Scenario {
    /// Every request is asked about, and the engine goes away, falls silent, fails and comes back:
    /// whoever has no yes is refused, and nothing of it goes out.
    static let policyEngineOutage = Scenario(
        "PolicyEngineOutage", "a request goes out that the policy engine did not let pass"
    ) { random in
        var mesh = MeshSketch(endpoints: 2, fallback: 1)
        let isForBodies = random.below(2) == 0
        mesh.policyEngine = [
            "protocol: \(random.below(2) == 0 ? "ExtAuthzGRPC" : "OPA")", "timeout: 50ms",
            isForBodies ? "facts: [request, ai]" : "facts: [request.method]",
        ]
        if mesh.policyEngine[0].hasSuffix("OPA") { mesh.policyEngine.append("path: /v1/data/m/d") }
        var habits = PolicyEngineHabits()
        habits.deniedSessions = [UInt64(random.below(7))]
        var stage = Stage(mesh)
        stage.options.policyEngines = habits
        stage.options.shards = 2
        stage.options.callers.leavePermille = 100
        stage.options.callers.chunkedPermille = 200
        stage.fill(160, every: .milliseconds(8), using: &random)
        var fault = habits
        fault.isMute = true
        stage.plan(.policyEngines(fault), at: .milliseconds(150))
        fault.isMute = false
        fault.isDown = true
        stage.plan(.policyEngines(fault), at: .milliseconds(350))
        fault.isDown = false
        fault.failPermille = 500
        stage.plan(.policyEngines(fault), at: .milliseconds(550))
        stage.plan(.policyEngines(habits), at: .milliseconds(750))
        stage.plan(.publish(try mesh.snapshot(version: 2)), at: .milliseconds(800))
        return stage
    } expect: { outcome in
        Expect.met(outcome, .policyEngineMute) + Expect.met(outcome, .policyEngineDown)
            + Expect.met(outcome, .policyEngineFailed) + Expect.some(outcome, end: .whole)
            + ["access-denied", "policy-engine-unavailable"].filter { outcome.count(code: $0) == 0 }
            .map { "nothing was refused with \($0)" }
    }
}
