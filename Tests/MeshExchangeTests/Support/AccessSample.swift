// SPDX-License-Identifier: Apache-2.0

import MeshPolicy
import MeshSnapshot

/// AccessPolicies as a test writes them.
struct AccessSample {
    private var policies: [AccessPolicy] = []
    var layout = FactLayout()

    /// Adds a policy `default/NAME` of `(name, action, condition)` and answers with its id.
    mutating func add(
        named name: String = "p", allowsByDefault: Bool? = nil, isAudit: Bool = false,
        message: String? = nil, _ rules: (String, AccessRule.Action, String)...
    ) throws -> AccessID {
        let policy = "default/\(name)"
        let made = try rules.map { name, action, text in
            AccessRule(
                policy: policy, name: name, action: action,
                program: try Program.compile(text, in: Fact.environment, layout: &layout),
                message: message, layout: layout)
        }
        policies.append(
            AccessPolicy(
                name: policy, targets: ["Gateway/default/g"],
                allowsByDefault: allowsByDefault ?? !made.contains { $0.action == .allow },
                isAudit: isAudit,
                rules: AccessRule.Action.allCases.flatMap { action in
                    made.filter { $0.action == action }
                }))
        return AccessID(policies.count - 1)
    }

    var table: AccessTable { AccessTable(policies: policies, layout: layout) }
}
