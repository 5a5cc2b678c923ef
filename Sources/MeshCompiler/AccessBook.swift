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
    /// The facts that any rule reads.
    var layout = FactLayout()
    private var ids: [PolicyTarget: [AccessID]] = [:]

    /// A policy with where it comes from.
    struct Draft {
        /// What was written.
        var written: AccessPolicyResource
        /// What it applies to.
        var targets: [PolicyTarget]
    }

    /// What all rules together are made into.
    var table: AccessTable { AccessTable(policies: policies, layout: layout) }

    /// The policies of `catalog`; dangling targets and rules that say nothing definite go to
    /// `report`.
    init(_ catalog: Catalog, _ report: inout Report) {
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
            add(policy, targets, &report)
        }
    }

    /// The policies of the resource of `kind` called `name`, ascending.
    func policies(of kind: Kind, _ name: ResourceName) -> [AccessID] {
        ids[PolicyTarget(kind: kind, name: name)] ?? []
    }

    /// Whether any of `ids` reads what only a body says.
    func readsBody(_ ids: [AccessID]) -> Bool { ids.contains { policies[Int($0)].readsBody } }

    private mutating func add(
        _ written: AccessPolicyResource, _ targets: [PolicyTarget], _ report: inout Report
    ) {
        let name = written.metadata.id.text
        let hasAllow = written.rules.contains { $0.action == .allow }
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
            guard let program = program(of: rule, in: written.metadata, &report) else { continue }
            rules.append(
                AccessRule(
                    policy: name, name: rule.name.value, action: AccessRule.Action(rule.action),
                    program: program, message: rule.message, layout: layout))
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
        let condition = rule.condition
        let program: Program
        do {
            program = try Program.compile(
                condition.text, in: Fact.environment, layout: &layout)
        } catch {
            for mistake in error.mistakes {
                report.error(
                    condition.place(line: mistake.line, column: mistake.column), policy,
                    mistake.message, mistake.remedy)
            }
            return nil
        }
        if program.slots.isEmpty { checkConstant(rule, program, in: policy, &report) }
        return program
    }

    /// An expression that reads no fact says the same of every request.
    private func checkConstant(
        _ rule: AccessRuleText, _ program: Program, in policy: Metadata, _ report: inout Report
    ) {
        let place = rule.condition.place
        switch (program.verdict(FactTable(FactLayout())), rule.action) {
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
        case (.fails, .deny), (.holds, .require), (.fails, .allow):
            report.warning(
                place, policy,
                "the rule can never matter: its condition is always "
                    + (rule.action == .require ? "true" : "false"),
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
        case .allow: self = .allow
        }
    }
}
