// SPDX-License-Identifier: Apache-2.0

import MeshModel

/// Finds rules of AccessPolicies that stand in each other's way.
///
/// Looked at are rules that apply to the same resource, of one policy or of several. Their
/// conditions are compared as they are written, spaces apart: what is found is certain, and what
/// says the same in other words is not found. Policies that only audit are left out, for they
/// refuse nothing.
struct AccessConflicts {
    /// A rule with the policy that it is of.
    private struct Said {
        var rule: AccessRuleText
        var policy: Metadata
        var place: Place

        var title: String { "rule \(quoted(rule.name.value)) of \(policy.id.text)" }
    }

    /// The rules so far, by what they apply to and by their condition.
    private var byCondition: [PolicyTarget: [String: [Said]]] = [:]
    /// What `require` wants facts to be, by what it applies to and by the fact.
    private var wanted: [PolicyTarget: [String: [(value: String, said: Said)]]] = [:]

    /// Compares the rules of `policy` with those before.
    mutating func add(
        _ policy: AccessPolicyResource, for targets: [PolicyTarget], _ report: inout Report
    ) {
        guard !policy.isAudit else { return }
        for rule in policy.rules where rule.action.value != .custom {
            guard let condition = rule.condition else { continue }
            let text = Self.plain(condition.text)
            let said = Said(rule: rule, policy: policy.metadata, place: condition.place)
            let found = targets.compactMap { conflict(of: said, text, for: $0) }.first
            if let found {
                report.warning(said.place, said.policy, found.message, found.remedy)
            }
            let equality = rule.action.value == .require ? Self.equality(text) : nil
            for target in targets {
                byCondition[target, default: [:]][text, default: []].append(said)
                if let (fact, value) = equality {
                    wanted[target, default: [:]][fact, default: []].append((value, said))
                }
            }
        }
    }

    private func conflict(
        of said: Said, _ text: String, for target: PolicyTarget
    ) -> (message: String, remedy: String)? {
        let action = said.rule.action.value
        for other in byCondition[target]?[text] ?? [] {
            let place = "\(other.title), at \(other.place.text),"
            switch (action, other.rule.action.value) {
            case (.allow, .deny):
                return (
                    "the rule can never matter: \(place) refuses what it allows", Self.oneOfThem
                )
            case (.deny, .allow):
                return ("the rule refuses all that \(place) allows", Self.oneOfThem)
            case (.deny, .require), (.require, .deny):
                return ("with \(place) the rule refuses every request", Self.oneOfThem)
            case (.deny, .deny), (.require, .require), (.allow, .allow):
                guard other.policy.id == said.policy.id else { continue }
                return ("the rule says what \(place) says already", "remove one of them")
            default: continue
            }
        }
        guard action == .require || action == .deny else { return nil }
        for other in byCondition[target]?[Self.negated(text)] ?? []
        where other.rule.action.value == action {
            return (
                "with \(other.title), at \(other.place.text), the rule refuses every request",
                Self.oneOfThem
            )
        }
        guard action == .require, let (fact, value) = Self.equality(text) else { return nil }
        for (wantedValue, other) in wanted[target]?[fact] ?? [] where wantedValue != value {
            return (
                "no request can fulfil the rule and \(other.title), at \(other.place.text)",
                "write one rule that names all values: `\(fact) in [\(wantedValue), \(value)]`"
            )
        }
        return nil
    }

    private static let oneOfThem = "narrow the condition of one of them, or remove it"

    /// `text` with single spaces.
    private static func plain(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// What is true exactly when `text` is not.
    private static func negated(_ text: String) -> String {
        if text.hasPrefix("!("), text.hasSuffix(")"), !text.dropFirst(2).dropLast().contains("(") {
            return String(text.dropFirst(2).dropLast())
        }
        return "!(\(text))"
    }

    /// The fact and the literal of a condition that only says that the one is the other.
    private static func equality(_ text: String) -> (fact: String, value: String)? {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1] == "==" else { return nil }
        let (fact, value) = (String(parts[0]), String(parts[2]))
        guard fact.allSatisfy({ $0.isLetter || $0.isNumber || "._[]'\"-".contains($0) }) else {
            return nil
        }
        let inner = value.dropFirst().dropLast()
        let isText =
            value.count >= 2 && (value.first == "'" || value.first == "\"")
            && value.last == value.first && !inner.contains { $0 == value.first || $0 == "\\" }
        return isText || Int(value) != nil ? (fact, value) : nil
    }
}
