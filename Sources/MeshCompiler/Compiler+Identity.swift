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
        checkCertificateProviders()
        for (index, draft) in access.drafts.enumerated() {
            for rule in access.policies[index].rules { checkFacts(of: rule, draft) }
        }
        checkLabelSources()
        checkStickyKeys()
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

    /// Callers can be known by certificates only where they are asked for them.
    private mutating func checkCertificateProviders() {
        let strangers = strangers(.certificates)
        for (number, draft) in identity.drafts.enumerated() {
            guard let place = draft.certificates else { continue }
            let id = IdentityID(number)
            var unasked = strangers.first { rules[$0].identity.contains(id) }
            for model in models.indices where models[model].identity.contains(id) {
                unasked =
                    unasked ?? rulesLeading(to: ModelID(model)).first(where: strangers.contains)
            }
            guard let unasked else { continue }
            report.error(
                place, draft.metadata,
                "callers show no certificate of a TrustDomain on route "
                    + quoted(rules[unasked].route),
                Self.askForCertificates)
        }
    }

    private static let askForCertificates =
        "let every Gateway that leads there ask callers for certificates of a TrustDomain: "
        + "`spec.tls.frontend.default.validation.caCertificateRefs`"

    /// Expressions that give labels are asked on every route.
    private mutating func checkLabelSources() {
        for (number, source) in residency.sources.enumerated() {
            let facts = source.program.slots.compactMap {
                Fact(rawValue: access.layout.slots[$0].fact)
            }
            let (draft, text) = residency.sourceTexts[number]
            for fact in facts {
                guard let kind = fact.knownBy, let rule = strangers(kind).first else { continue }
                report.error(
                    text.place, residency.drafts[draft].metadata,
                    "`\(fact.name)` is not known on route \(quoted(rules[rule].route)): nobody "
                        + "asks who callers are",
                    kind == .certificates
                        ? "let every Gateway ask callers for certificates of a TrustDomain "
                            + "(`spec.tls.frontend`), or use a header"
                        : "add an IdentityProvider to every Gateway, or use a header")
                break
            }
        }
    }

    /// Where nobody asks who callers are, chance would decide for all of them.
    private mutating func checkStickyKeys() {
        for draft in sticky.drafts {
            let facts = sticky.keys[Int(draft.key)].program.slots.compactMap {
                Fact(rawValue: access.layout.slots[$0].fact)
            }
            for target in draft.targets {
                for fact in facts {
                    guard let kind = fact.knownBy, let place = unknownCallers(of: target, kind)
                    else { continue }
                    report.warning(
                        draft.text.place, draft.policy,
                        "`\(fact.name)` is not known on \(target.kind.rawValue) "
                            + "\(quoted(target.name.name)), so chance decides: nobody asks who "
                            + "callers are\(place)", Self.remedy(kind, target))
                    break
                }
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
                    (written.condition?.place ?? written.name.place), draft.written.metadata,
                    "`\(fact.name)` is not known on \(target.kind.rawValue) "
                        + "\(quoted(target.name.name)): nobody asks who callers are\(place)",
                    Self.remedy(kind, target))
                return
            }
        }
    }

    private static func remedy(_ kind: IdentityKind, _ target: PolicyTarget) -> String {
        if kind == .certificates { return askForCertificates }
        let what =
            switch kind {
            case .any, .certificates: "an IdentityProvider"
            case .tokens: "an IdentityProvider with `jwt`"
            case .apiKeys: "an IdentityProvider with `apiKeys`"
            }
        return target.kind == .backend
            ? "add \(what) to every Gateway that leads to it" : "add \(what) with that target"
    }

    /// Where requests of `target` come from whom nothing of `kind` asks who they are, in words that
    /// go on a sentence; nil when there is no such place.
    private func unknownCallers(of target: PolicyTarget, _ kind: IdentityKind) -> String? {
        let strangers = strangers(kind)
        func place(_ id: Int) -> String { " on route \(quoted(rules[id].route))" }
        switch target.kind {
        case .gateway:
            for listener in listeners where listener.gateway.id == target.name {
                for entry in listener.entries where strangers.contains(Int(entry.rule)) {
                    return place(Int(entry.rule))
                }
            }
            return nil
        case .httpRoute:
            return strangers.contains { rules[$0].route == target.name.text } ? "" : nil
        case .model:
            guard let draft = catalog.index(of: .model, target.name) else { return nil }
            for id in modelDrafts[draft].instances where !isKnown(model: id, kind) {
                for rule in rulesLeading(to: id) where strangers.contains(rule) {
                    return place(rule)
                }
            }
            return nil
        case .backend: return unknownCallers(ofBackend: target.name, kind, strangers).map(place)
        default: return nil
        }
    }

    /// The rules whose callers nothing of `kind` asks who they are, before the model is known.
    private func strangers(_ kind: IdentityKind) -> [Int] {
        guard kind == .certificates else {
            return rules.indices.filter { id in
                !rules[id].identity.contains { kind.includes(identity.providers[Int($0)]) }
            }
        }
        let open = listeners.filter { $0.tls?.callers?.trustDomain == nil }
        return Set(open.flatMap { $0.entries.map { Int($0.rule) } }).sorted()
    }

    /// Whether the providers of a model know what `kind` does.
    private func isKnown(model id: ModelID, _ kind: IdentityKind) -> Bool {
        models[Int(id)].identity.contains { kind.includes(identity.providers[Int($0)]) }
    }

    private func unknownCallers(
        ofBackend name: ResourceName, _ kind: IdentityKind, _ strangers: [Int]
    ) -> Int? {
        guard let index = catalog.index(of: .backend, name) else { return nil }
        let backend = BackendID(index)
        for id in strangers where leads(rules[id], to: backend) { return id }
        for (number, model) in models.enumerated() {
            let id = ModelID(number)
            let backends =
                (model.targets + model.fallbacks).map(\.backend) + model.mirrors.map(\.backend)
            guard backends.contains(backend), !isKnown(model: id, kind) else { continue }
            for rule in rulesLeading(to: id) where strangers.contains(rule) { return rule }
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
    private func rulesLeading(to id: ModelID) -> [Int] {
        let byBody = Set(
            listeners.filter { listener in listener.models.contains { $0.model == id } }
                .flatMap { $0.entries.map { Int($0.rule) } }
        ).sorted().filter { rules[$0].action == .modelByBody }
        return byBody
            + rules.indices.filter { number in
                guard case .forward(let targets) = rules[number].action else { return false }
                return targets.contains { target in
                    if case .model(id) = target.destination { true } else { false }
                }
            }
    }
}
