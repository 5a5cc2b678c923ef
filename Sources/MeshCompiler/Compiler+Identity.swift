// SPDX-License-Identifier: Apache-2.0

import MeshIdentity
import MeshModel
import MeshPolicy
import MeshSnapshot

extension Compiler {
    /// Reports IdentityProviders that cannot be told apart, and rules that speak about a caller
    /// whom nobody asks who it is: such a rule would be about nothing.
    mutating func checkIdentity() {
        guard !report.isQuiet, !report.hasErrors else { return }
        checkIssuers()
        for (index, draft) in access.drafts.enumerated() {
            for rule in access.policies[index].rules { checkFacts(of: rule, draft) }
        }
        for (index, draft) in limits.drafts.enumerated() {
            guard limits.limits[index].key.contains(.identity) else { continue }
            for target in draft.targets {
                guard let place = unknownCallers(of: target, .any) else { continue }
                report.error(
                    draft.written.place, draft.policy,
                    "callers cannot be told apart by identity on \(target.kind.rawValue) "
                        + "\(quoted(target.name.name)): nobody asks who they are\(place)",
                    Self.remedy(.any, target))
            }
        }
    }

    /// Of two providers with one issuer on one target nobody could say which judges a token.
    private mutating func checkIssuers() {
        var reported: Set<IdentityID> = []
        for ids in rules.map(\.identity) + models.map(\.identity) {
            var issuers: [String: IdentityID] = [:]
            for id in ids {
                guard case .tokens(let policy, _) = identity.providers[Int(id)].method else {
                    continue
                }
                guard let first = issuers[policy.issuer] else {
                    issuers[policy.issuer] = id
                    continue
                }
                guard reported.insert(id).inserted else { continue }
                let draft = identity.drafts[Int(id)]
                report.error(
                    draft.jwt?.value.issuer.place ?? draft.metadata.place, draft.metadata,
                    "\(identity.drafts[Int(first)].metadata.label) has the same issuer and a "
                        + "target in common",
                    "write both audiences into one of them and remove the other")
            }
        }
    }

    private mutating func checkFacts(of rule: AccessRule, _ draft: AccessBook.Draft) {
        let facts = rule.program.slots.compactMap {
            Fact(rawValue: access.layout.slots[$0].fact)
        }
        guard let written = draft.written.rules.first(where: { $0.name.value == rule.name })
        else { return }
        for target in draft.targets {
            for fact in facts {
                guard let kind = fact.knownBy, let place = unknownCallers(of: target, kind) else {
                    continue
                }
                report.error(
                    written.condition.place, draft.written.metadata,
                    "`\(fact.name)` is not known on \(target.kind.rawValue) "
                        + "\(quoted(target.name.name)): nobody asks who callers are\(place)",
                    Self.remedy(kind, target))
                return
            }
        }
    }

    private static func remedy(_ kind: IdentityKind, _ target: PolicyTarget) -> String {
        let what =
            switch kind {
            case .any: "an IdentityProvider"
            case .tokens: "an IdentityProvider with `jwt`"
            case .apiKeys: "an IdentityProvider with `apiKeys`"
            }
        return target.kind == .backend
            ? "add \(what) to every Gateway that leads to it" : "add \(what) with that target"
    }

    /// Where requests of `target` come from whom no provider of `kind` asks who they are, in
    /// words that go on a sentence; nil when there is no such place.
    private func unknownCallers(of target: PolicyTarget, _ kind: IdentityKind) -> String? {
        func isKnown(_ ids: [IdentityID]) -> Bool {
            ids.contains { kind.includes(identity.providers[Int($0)]) }
        }
        switch target.kind {
        case .gateway:
            for listener in listeners where listener.gateway.id == target.name {
                for entry in listener.entries where !isKnown(rules[Int(entry.rule)].identity) {
                    return " on route \(quoted(rules[Int(entry.rule)].route))"
                }
            }
            return nil
        case .httpRoute:
            let isUnknown = rules.contains {
                $0.route == target.name.text && !isKnown($0.identity)
            }
            return isUnknown ? "" : nil
        case .model: return unknownCallers(ofModel: target.name, isKnown)
        case .backend: return unknownCallers(ofBackend: target.name, isKnown)
        default: return nil
        }
    }

    private func unknownCallers(
        ofModel name: ResourceName, _ isKnown: ([IdentityID]) -> Bool
    ) -> String? {
        guard let draft = catalog.index(of: .model, name) else { return nil }
        for id in modelDrafts[draft].instances {
            if isKnown(models[Int(id)].identity) { continue }
            for rule in rules(leadingTo: id) where !isKnown(rule.identity) {
                return " on route \(quoted(rule.route))"
            }
        }
        return nil
    }

    private func unknownCallers(
        ofBackend name: ResourceName, _ isKnown: ([IdentityID]) -> Bool
    ) -> String? {
        guard let index = catalog.index(of: .backend, name) else { return nil }
        let backend = BackendID(index)
        for rule in rules where !isKnown(rule.identity) && leads(rule, to: backend) {
            return " on route \(quoted(rule.route))"
        }
        for (id, model) in models.enumerated() where !isKnown(model.identity) {
            let backends = (model.targets + model.fallbacks).map(\.backend)
            guard backends.contains(backend) else { continue }
            for rule in rules(leadingTo: ModelID(id)) where !isKnown(rule.identity) {
                return " on route \(quoted(rule.route))"
            }
        }
        return nil
    }

    private func leads(_ rule: Rule, to backend: BackendID) -> Bool {
        if rule.mirrors.contains(where: { $0.backend == backend }) { return true }
        guard case .forward(let targets) = rule.action else { return false }
        return targets.contains { target in
            if case .backend(backend) = target.destination { true } else { false }
        }
    }

    /// The rules whose requests can go to the model `id`.
    private func rules(leadingTo id: ModelID) -> [Rule] {
        let byBody = Set(
            listeners.filter { listener in listener.models.contains { $0.model == id } }
                .flatMap { $0.entries.map(\.rule) }
        ).sorted().map { rules[Int($0)] }.filter { $0.action == .modelByBody }
        return byBody
            + rules.filter { rule in
                guard case .forward(let targets) = rule.action else { return false }
                return targets.contains { target in
                    if case .model(id) = target.destination { true } else { false }
                }
            }
    }
}
