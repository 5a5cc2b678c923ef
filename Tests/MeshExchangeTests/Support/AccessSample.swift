// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshSnapshot

/// AccessPolicies as a test writes them.
struct AccessSample {
    private var policies: [AccessPolicy] = []
    private var engines: [PolicyEngine] = []
    var layout = FactLayout()

    /// Adds an engine `default/NAME` behind `backend` and answers with its number.
    mutating func engine(
        named name: String = "e", _ speech: PolicyEngine.Speech = .extAuthzGRPC,
        backend: BackendID = 0, facts: [Fact] = [], headers: PolicyEngine.HeaderSelection = .all,
        allowsOnFailure: Bool = false, cachedBy key: [String]? = nil
    ) throws -> EngineID {
        let told = facts.compactMap { fact in
            layout.slot(ofFact: fact.rawValue).map { PolicyEngine.Told(fact: fact, slot: $0) }
        }
        let programs = try key?.map {
            try Program.compile($0, in: Fact.environment, expecting: .dyn, layout: &layout)
        }
        engines.append(
            PolicyEngine(
                name: "default/\(name)", speech: speech, backend: backend,
                timeout: .milliseconds(200), allowsOnFailure: allowsOnFailure, facts: told,
                headers: headers,
                cache: programs.map { .init(lifetime: .seconds(10), entriesMax: 8, key: $0) },
                layout: layout))
        return EngineID(engines.count - 1)
    }

    /// Adds a policy `default/NAME` of `(name, action, condition)` and answers with its id.
    mutating func add(
        named name: String = "p", allowsByDefault: Bool? = nil, isAudit: Bool = false,
        message: String? = nil, engine: EngineID = 0,
        _ rules: (String, AccessRule.Action, String)...
    ) throws -> AccessID {
        let policy = "default/\(name)"
        let made = try rules.map { name, action, text in
            AccessRule(
                policy: policy, name: name, action: action,
                program: try Program.compile(text, in: Fact.environment, layout: &layout),
                message: message,
                engine: action == .custom ? (engine, engines[Int(engine)]) : nil, layout: layout)
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

    var table: AccessTable {
        AccessTable(policies: policies, engines: engines, layout: layout)
    }
}
