// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshPolicy
import MeshSnapshot

extension SnapshotDump {
    /// Left out when there are none.
    var accessPolicies: [JSONText.Member] {
        let policies = snapshot.access.policies
        return policies.isEmpty ? [] : [.init("accessPolicies", .list(policies.map(policy)))]
    }

    /// The policies that something must meet, unless there are none.
    func ids(access: [AccessID]) -> [JSONText.Member] {
        access.isEmpty ? [] : [.init("access", .list(access.map { .number(Int($0)) }))]
    }

    private func policy(_ policy: AccessPolicy) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", .text(policy.name)),
            .init("targets", .list(policy.targets.map { .text($0) })),
            .init("default", .text(policy.allowsByDefault ? "allow" : "deny")),
        ]
        if policy.isAudit { members.append(.init("audit", .boolean(true))) }
        let rules = policy.rules.map { rule in
            var members: [JSONText.Member] = [
                .init("name", .text(rule.name)), .init("action", .text(rule.action.label)),
                .init("stage", .text(rule.stage.label)), .init("when", .text(rule.program.text)),
            ]
            if let message = rule.message { members.append(.init("message", .text(message))) }
            return JSONText.object(members)
        }
        members.append(.init("rules", .list(rules)))
        return .object(members)
    }
}
