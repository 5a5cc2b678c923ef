// SPDX-License-Identifier: Apache-2.0

package import MeshPolicy

/// Index into `AccessTable.policies`.
package typealias AccessID = Int32

/// Every AccessPolicy, its rules compiled, with the one numbering of the facts that they read.
package struct AccessTable: Sendable {
    /// The policies, in the order of their names.
    package let policies: [AccessPolicy]
    /// Where each fact that any rule reads stands in a table of facts.
    package let layout: FactLayout

    /// The table of `policies`, whose programs were compiled with `layout`.
    package init(policies: [AccessPolicy] = [], layout: FactLayout = FactLayout()) {
        self.policies = policies
        self.layout = layout
    }
}

/// One AccessPolicy: who may do what.
///
/// Its rules are asked in a fixed order, whatever order they were written in: `deny` before
/// `require` before `allow`; what nothing decided is decided by the default. All policies that
/// apply to a request must let it pass.
///
/// An object, as its rules are: what is asked for every request costs one reference count, and a
/// copy of the values would cost one for each of their parts.
package final class AccessPolicy: Sendable {
    /// `namespace/name`.
    package let name: String
    /// What it applies to, `Kind/namespace/name`, for people.
    package let targets: [String]
    /// Whether what no rule decides is let pass.
    package let allowsByDefault: Bool
    /// Whether it only counts what it would refuse.
    package let isAudit: Bool
    /// Its rules, those that deny first, then those that require, then those that allow; in
    /// each group in the order in which they were written.
    package let rules: [AccessRule]
    /// When it is known what its `allow` rules and its default say.
    package let settledAt: FactStage
    /// Whether some rule reads what only the body says.
    package let readsBody: Bool
    /// Whether something is asked only when a backend was chosen.
    package let asksDestination: Bool
    /// `name/default`: what logs and metrics call the default.
    package let defaultLabel: String

    /// The policy of the given parts; `rules` in the order in which they are asked.
    package init(
        name: String, targets: [String], allowsByDefault: Bool, isAudit: Bool,
        rules: [AccessRule]
    ) {
        self.name = name
        self.targets = targets
        self.allowsByDefault = allowsByDefault
        self.isAudit = isAudit
        self.rules = rules
        settledAt = rules.filter { $0.action == .allow }.map(\.stage).max() ?? .head
        readsBody = rules.contains { $0.readsBody }
        asksDestination = rules.contains { $0.stage == .destination }
        defaultLabel = "\(name)/default"
    }
}

/// One rule of an AccessPolicy.
package final class AccessRule: Sendable {
    /// Its name, unique in the policy.
    package let name: String
    /// What it means when its expression is true.
    package let action: Action
    /// The expression.
    package let program: Program
    /// When every fact that it reads is known.
    package let stage: FactStage
    /// Whether it reads what only the body says.
    package let readsBody: Bool
    /// What a caller is told, or nil.
    package let message: String?
    /// `policy/rule`, as logs, metrics and refusals show it.
    package let label: String

    /// What a rule means.
    package enum Action: UInt8, Sendable, Hashable, CaseIterable {
        /// Refused when the expression is true.
        case deny
        /// Refused when the expression is not true.
        case require
        /// Let pass when the expression is true.
        case allow

        /// The word that an operator writes.
        package var label: String {
            switch self {
            case .deny: "deny"
            case .require: "require"
            case .allow: "allow"
            }
        }
    }

    /// A rule of `policy` whose `program` was compiled with `layout`.
    package init(
        policy: String, name: String, action: Action, program: Program, message: String?,
        layout: FactLayout
    ) {
        self.name = name
        self.action = action
        self.program = program
        self.message = message
        label = "\(policy)/\(name)"
        let facts = program.slots.compactMap { Fact(rawValue: layout.slots[$0].fact) }
        stage = facts.map(\.stage).max() ?? .head
        readsBody = facts.contains { $0.readsBody }
    }
}
