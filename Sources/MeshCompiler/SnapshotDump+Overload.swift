// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshPolicy
import MeshSnapshot

extension SnapshotDump {
    /// Left out when there are none.
    var overloadPolicies: [JSONText.Member] {
        let policies = snapshot.overload
        return policies.isEmpty ? [] : [.init("overloadPolicies", .list(policies.map(policy)))]
    }

    private func policy(_ policy: OverloadPolicy) -> JSONText {
        let settings = policy.settings
        var members: [JSONText.Member] = [.init("name", .text(policy.name))]
        switch settings.concurrency {
        case .fixed(let count): members.append(.init("limit", .number(count)))
        case .adaptive(let bounds):
            members.append(
                .init(
                    "concurrency",
                    .object([
                        .init("min", .number(bounds.least)), .init("max", .number(bounds.most)),
                        .init("initial", .number(bounds.first)),
                        .init("tolerancePercent", .number(bounds.tolerancePercent)),
                        .init("slackNanoseconds", duration(bounds.slack)),
                    ])))
        }
        members += [
            .init("queueMax", .number(settings.queueMax)),
            .init("queueTimeoutNanoseconds", duration(settings.queueTimeout)),
            .init("queueTargetNanoseconds", duration(settings.queueTarget)),
        ]
        if !policy.priorities.isEmpty {
            let rules = policy.priorities.map { rule in
                JSONText.object([
                    .init("name", .text(rule.name)), .init("priority", .number(rule.priority)),
                    .init("when", .text(rule.program.text)),
                ])
            }
            members.append(.init("priorities", .list(rules)))
        }
        return .object(members)
    }
}
