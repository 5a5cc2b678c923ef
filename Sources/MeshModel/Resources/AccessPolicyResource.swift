// SPDX-License-Identifier: Apache-2.0

/// An `AccessPolicy`: rules about who may do what, and what they apply to.
package struct AccessPolicyResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// What it applies to, in its own namespace.
    package var targets: [Reference]
    /// Whether what no rule decides passes; nil when it was not written.
    package var allowsByDefault: Located<Bool>?
    /// Whether it only counts what it would refuse.
    package var isAudit: Bool
    /// Its rules.
    package var rules: [AccessRuleText]

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Reference($0) }
        allowsByDefault = spec?.text("default").map { Located($0.value == "allow", at: $0.place) }
        isAudit = spec?.text("mode")?.value == "audit"
        rules = (spec?.elements("rules") ?? []).compactMap { AccessRuleText($0) }
    }
}

/// One rule as it was written.
package struct AccessRuleText: Hashable, Sendable {
    /// Its name.
    package var name: Located<String>
    /// What it means.
    package var action: Located<Action>
    /// The expression; nil when none was written.
    package var condition: EmbeddedText?
    /// The engine that it asks, or nil.
    package var engine: Reference?
    /// What a caller is told, or nil.
    package var message: String?

    /// What a rule means when its expression is true.
    package enum Action: String, Hashable, Sendable {
        /// The request is refused.
        case deny
        /// The request is not refused; otherwise it is.
        case require
        /// An engine decides.
        case custom
        /// The request passes.
        case allow
    }

    init?(_ cursor: Cursor) {
        guard let name = cursor.text("name"), let action = cursor.text("action"),
            let known = Action(rawValue: action.value)
        else { return nil }
        self.name = name
        self.action = Located(known, at: action.place)
        condition = EmbeddedText(cursor["when"])
        engine = Reference(cursor["engineRef"])
        message = cursor.text("message")?.value
    }
}
