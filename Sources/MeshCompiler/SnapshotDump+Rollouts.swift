// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension SnapshotDump {
    /// Left out when there are none.
    var rollouts: [JSONText.Member] {
        let table = snapshot.rollouts
        if table.plans.isEmpty { return [] }
        return [
            .init(
                "rollouts",
                .object([
                    .init("stateDirectory", table.stateDirectory.map { .text($0) } ?? .null),
                    .init("plans", .list(table.plans.map(plan))),
                ]))
        ]
    }

    /// The side of a rollout that a target is, where it is one.
    func arm(_ arm: ArmID) -> [JSONText.Member] {
        if arm < 0 { return [] }
        return [
            .init("rollout", .number(Int(arm / 2))),
            .init("arm", .text(arm % 2 == 0 ? "stable" : "canary")),
        ]
    }

    private func plan(_ plan: RolloutPlan) -> JSONText {
        .object([
            .init("name", .text(plan.name)), .init("target", .text(plan.target)),
            .init("stable", .text(plan.stable)), .init("canary", .text(plan.canary)),
            .init("steps", .list(plan.steps.map(step))),
            .init("checks", .list(plan.checks.map(check))),
            .init("doubtPerMillion", .number(plan.doubt)),
            .init("windowNanoseconds", .number(Int(plan.window.rawValue))),
            .init("onFailure", .text(plan.onFailure.rawValue)),
            .init("inconclusiveAfterNanoseconds", .number(Int(plan.inconclusiveAfter.rawValue))),
            .init("onInconclusive", .text(plan.onInconclusive.rawValue)),
        ])
    }

    private func step(_ step: RolloutPlan.Step) -> JSONText {
        var members: [JSONText.Member] = [.init("weight", .number(step.weight))]
        if step.hold > .zero {
            members.append(.init("holdNanoseconds", .number(Int(step.hold.rawValue))))
        }
        if step.requestsMin > 0 {
            members.append(.init("requestsMin", .number(step.requestsMin)))
        }
        if step.isManual { members.append(.init("manual", .boolean(true))) }
        return .object(members)
    }

    private func check(_ check: RolloutPlan.Check) -> JSONText {
        var members: [JSONText.Member] = [.init("measure", .text(check.measure.rawValue))]
        if check.measure == .latency || check.measure == .timeToFirstToken {
            members.append(.init("percentile", .number(check.percentile)))
        }
        let bounds = [
            ("increasePerMillion", check.increase), ("percentOfStable", check.percentOfStable),
            ("bound", check.bound),
        ]
        for (name, bound) in bounds {
            if let bound { members.append(.init(name, .number(bound))) }
        }
        members.append(.init("samplesMin", .number(check.samplesMin)))
        return .object(members)
    }
}
