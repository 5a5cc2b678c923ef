// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshPolicy
import MeshSnapshot

/// What AccessPolicies say about which resource, their rules compiled.
///
/// Policies do not replace each other: all that apply to a request must let it pass, those of its
/// Gateway, its route, its model and each backend that it is sent to.
struct AccessBook {
    /// The policies, in the order of their names.
    private(set) var policies: [AccessPolicy] = []
    /// Where each of them is written.
    private(set) var drafts: [Draft] = []
    /// The engines that rules may ask.
    let engines: EngineBook
    /// The facts that any rule or engine reads.
    var layout = FactLayout()
    private var ids: [PolicyTarget: [AccessID]] = [:]

    /// A policy with where it comes from.
    struct Draft {
        /// What was written.
        var written: AccessPolicyResource
        /// What it applies to.
        var targets: [PolicyTarget]
    }

    /// What all rules together are made into, with engines that no rule asks behind the others.
    func table(with others: [PolicyEngine]) -> AccessTable {
        // With one that could not be made there is no snapshot.
        AccessTable(
            policies: policies, engines: engines.engines.compactMap { $0 } + others,
            layout: layout)
    }

    /// How many engines rules may ask.
    var engineCount: Int { engines.engines.count { $0 != nil } }

    /// The policies of `catalog`; dangling targets and rules that say nothing definite go to
    /// `report`.
    init(_ catalog: Catalog, _ report: inout Report) {
        engines = EngineBook(catalog, layout: &layout, &report)
        var conflicts = AccessConflicts()
        for policy in catalog.access {
            var targets: [PolicyTarget] = []
            for reference in policy.targets {
                let found = PolicyTarget(reference, of: policy.metadata, catalog, &report)
                guard let target = found else { continue }
                if targets.contains(target) {
                    report.error(
                        reference.name.place, policy.metadata,
                        "the \(target.kind.rawValue) is named twice", "remove one of them")
                } else {
                    targets.append(target)
                }
            }
            add(policy, targets, catalog, &report)
            conflicts.add(policy, for: targets, &report)
        }
    }

    /// The policies of the resource of `kind` called `name`, ascending.
    func policies(of kind: Kind, _ name: ResourceName) -> [AccessID] {
        ids[PolicyTarget(kind: kind, name: name)] ?? []
    }

    /// Whether any of `ids` reads what only a body says.
    func readsBody(_ ids: [AccessID]) -> Bool { ids.contains { policies[Int($0)].readsBody } }

    private mutating func add(
        _ written: AccessPolicyResource, _ targets: [PolicyTarget], _ catalog: Catalog,
        _ report: inout Report
    ) {
        let name = written.metadata.id.text
        let hasAllow = written.rules.contains { $0.action.value == .allow }
        checkDefault(written, hasAllow: hasAllow, &report)
        var named: [String: Located<String>] = [:]
        var rules: [AccessRule] = []
        for rule in written.rules {
            if let first = named[rule.name.value] {
                report.error(
                    rule.name.place, written.metadata,
                    "there is a rule \(quoted(rule.name.value)) already, at \(first.place.text)",
                    "rename one of them")
                continue
            }
            named[rule.name.value] = rule.name
            let engine = engine(of: rule, for: targets, in: written.metadata, catalog, &report)
            guard let program = program(of: rule, in: written.metadata, &report) else { continue }
            let made = AccessRule(
                policy: name, name: rule.name.value, action: AccessRule.Action(rule.action.value),
                program: program, message: rule.message, engine: engine, layout: layout)
            if made.action == .custom, made.stage == .destination {
                report.error(
                    rule.condition?.place ?? rule.name.place, written.metadata,
                    "an engine is asked once, before a Backend is chosen, so `destination` is not "
                        + "known", "let a rule of its own speak about `destination`")
            }
            rules.append(made)
        }
        let ordered = AccessRule.Action.allCases.flatMap { action in
            rules.filter { $0.action == action }
        }
        let id = AccessID(policies.count)
        policies.append(
            AccessPolicy(
                name: name,
                targets: targets.map { "\($0.kind.rawValue)/\($0.name.text)" },
                allowsByDefault: written.allowsByDefault?.value ?? !hasAllow,
                isAudit: written.isAudit, rules: ordered))
        drafts.append(Draft(written: written, targets: targets))
        for target in targets { ids[target, default: []].append(id) }
    }

    private func checkDefault(
        _ written: AccessPolicyResource, hasAllow: Bool, _ report: inout Report
    ) {
        let metadata = written.metadata
        if hasAllow, let chosen = written.allowsByDefault, chosen.value {
            report.warning(
                chosen.place, metadata,
                "with `default: allow` the `allow` rules change nothing",
                "remove `default`, or the rules")
        }
        if !hasAllow, let chosen = written.allowsByDefault, !chosen.value {
            report.warning(
                chosen.place, metadata,
                "without an `allow` rule `default: deny` refuses every request",
                "add an `allow` rule, or remove `default`")
        }
        if written.rules.isEmpty, written.allowsByDefault?.value ?? true {
            report.missing(
                metadata.place, metadata, "the policy says nothing", "add `rules`")
        }
        if written.rules.contains(where: { $0.name.value == "default" }),
            let rule = written.rules.first(where: { $0.name.value == "default" })
        {
            report.error(
                rule.name.place, metadata,
                "logs and metrics call what no rule decided `default`", "rename the rule")
        }
    }

    /// The program of `rule`, or nil; what is wrong with it is noted where it is written.
    private mutating func program(
        of rule: AccessRuleText, in policy: Metadata, _ report: inout Report
    ) -> Program? {
        guard let condition = rule.condition else {
            if rule.action.value == .custom {
                // It is asked about every request.
                return try? Program.compile("true", in: Fact.environment, layout: &layout)
            }
            report.missing(
                rule.name.place, policy,
                "nothing says when rule \(quoted(rule.name.value)) applies",
                "add `when` with a condition in CEL")
            return nil
        }
        guard let program = report.program(condition, expecting: .bool, in: policy, &layout)
        else { return nil }
        if program.slots.isEmpty { checkConstant(rule, condition, program, in: policy, &report) }
        return program
    }

    /// The engine that `rule` asks; nil for a rule that asks none, and for a mistake, which is
    /// noted.
    private mutating func engine(
        of rule: AccessRuleText, for targets: [PolicyTarget], in policy: Metadata,
        _ catalog: Catalog, _ report: inout Report
    ) -> (number: EngineID, is: PolicyEngine)? {
        guard rule.action.value == .custom else {
            if let reference = rule.engine {
                report.error(
                    reference.place, policy,
                    "`engineRef` means nothing in a rule that does not ask an engine",
                    "write `action: custom`, or remove it")
            }
            return nil
        }
        guard let reference = rule.engine else {
            report.missing(
                rule.action.place, policy, "nothing says which engine is asked",
                "add `engineRef` with the name of a PolicyEngine")
            return nil
        }
        let index = report.resolve(reference, .policyEngine, in: policy, catalog)
        if let target = targets.first(where: { $0.kind == .backend }) {
            report.error(
                rule.action.place, policy,
                "an engine is asked once, before a Backend is chosen, so not for "
                    + "Backend \(quoted(target.name.name))",
                "target the Gateway, HTTPRoutes or Models that lead there")
        }
        return index.flatMap { engines[$0] }
    }

    /// An expression that reads no fact says the same of every request.
    private func checkConstant(
        _ rule: AccessRuleText, _ condition: EmbeddedText, _ program: Program,
        in policy: Metadata, _ report: inout Report
    ) {
        let place = condition.place
        let action = rule.action.value
        switch (program.verdict(FactTable(FactLayout())), action) {
        case (.unknown(let fault), _):
            report.error(
                place, policy, "the condition can never be evaluated: \(fault.description)",
                "correct it; see Docs/facts.md for what it may speak about")
        case (.holds, .deny), (.fails, .require):
            report.warning(
                place, policy, "the rule refuses every request",
                "let the condition speak about a fact of Docs/facts.md")
        case (.holds, .allow):
            report.warning(
                place, policy, "the rule lets every request pass",
                "let the condition speak about a fact of Docs/facts.md")
        case (.holds, .custom):
            report.warning(
                place, policy, "the condition is always true", "remove `when`")
        case (.fails, .deny), (.holds, .require), (.fails, .allow), (.fails, .custom):
            report.warning(
                place, policy,
                "the rule can never matter: its condition is always "
                    + (action == .require ? "true" : "false"),
                "let the condition speak about a fact of Docs/facts.md, or remove the rule")
        }
    }
}

extension AccessRule.Action {
    /// What was written as `action`.
    fileprivate init(_ action: AccessRuleText.Action) {
        switch action {
        case .deny: self = .deny
        case .require: self = .require
        case .custom: self = .custom
        case .allow: self = .allow
        }
    }
}
