// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshPolicy
import MeshSnapshot

extension Compiler {
    /// Puts the policies of Backends on them, has bodies read where a rule needs it, and reports
    /// rules about bodies that nobody reads.
    mutating func attachAccess() {
        for (index, backend) in catalog.backends.enumerated() where index < backends.count {
            backends[index].access = access.policies(of: .backend, backend.metadata.id)
        }
        for index in rules.indices where readsBody(rules[index]) {
            rules[index].needsFacts = true
        }
        useEngines()
        guard !report.isQuiet, !report.hasErrors else { return }
        for (index, draft) in access.drafts.enumerated() {
            let policy = access.policies[index]
            guard let rule = policy.rules.first(where: { $0.readsBody }) else { continue }
            for target in draft.targets { checkBodies(rule, draft, target) }
        }
    }

    /// Marks the Backends of engines as used, and reports engines that nothing asks.
    private mutating func useEngines() {
        let asked = Set(access.policies.flatMap { $0.rules.map(\.engine) })
        for (index, engine) in access.engines.engines.enumerated() {
            guard let engine else { continue }
            usedBackends[Int(engine.backend)] = true
            guard !asked.contains(EngineID(index)), !report.hasErrors else { continue }
            let metadata = catalog.engines[index].metadata
            report.warning(
                metadata.place, metadata, "nothing asks the PolicyEngine",
                "refer to it from a rule of an AccessPolicy, or remove it")
        }
    }

    /// Whether something that applies to `rule`, or to a backend that it leads to by itself,
    /// reads what only a body says.
    private func readsBody(_ rule: Rule) -> Bool {
        guard case .forward(let targets) = rule.action else { return false }
        if access.readsBody(rule.access) { return true }
        let ids = targets.compactMap { target in
            if case .backend(let id) = target.destination { id } else { nil as BackendID? }
        }
        return (ids + rule.mirrors.map(\.backend)).contains { id in
            access.readsBody(backends[Int(id)].access)
        }
    }

    /// Bodies are read as those of AI requests. Where a Backend speaks plain HTTP, every body
    /// that is none would be refused.
    private mutating func checkBodies(
        _ rule: AccessRule, _ draft: AccessBook.Draft, _ target: PolicyTarget
    ) {
        let metadata = draft.written.metadata
        let fact = name(ofBodyFactIn: rule)
        guard
            let written = draft.written.rules.first(where: { $0.name.value == rule.name })
        else { return }
        let place = written.condition?.place ?? written.name.place
        let plain = plainBackends(of: target)
        guard let first = plain.first else { return }
        let backend = catalog.backends[first].metadata.label
        switch target.kind {
        case .gateway:
            report.warning(
                place, metadata,
                "`\(fact)` makes every body on Gateway \(quoted(target.name.name)) be read as an "
                    + "AI request, also those for \(backend), which does not speak the OpenAI API",
                "target the HTTPRoutes or Models that the rule is about")
        case .httpRoute, .grpcRoute, .backend:
            report.error(
                place, metadata,
                "`\(fact)` is not known on \(target.kind.rawValue) \(quoted(target.name.name)): "
                    + "\(backend) does not speak the OpenAI API",
                "write `dialect: OpenAI` into its `spec`, or target a Model")
        default: break
        }
    }

    private func name(ofBodyFactIn rule: AccessRule) -> String {
        let read = rule.program.slots.compactMap {
            Fact(rawValue: access.layout.slots[$0].fact)
        }
        let told = rule.engine >= 0 ? access.engines.engines[Int(rule.engine)]?.facts ?? [] : []
        let facts = read + told.map(\.fact)
        return facts.first { $0.stage == .body }?.name ?? "ai.model"
    }

    /// The Backends of plain HTTP that requests of `target` reach without a Model, by index.
    private func plainBackends(of target: PolicyTarget) -> [Int] {
        let candidates: [Rule]
        switch target.kind {
        case .backend:
            return catalog.index(of: .backend, target.name).map { [$0] }?
                .filter { !catalog.backends[$0].isOpenAI } ?? []
        case .httpRoute, .grpcRoute: candidates = rules.filter { $0.route == target.name.text }
        case .gateway:
            candidates = listeners.filter { $0.gateway.id == target.name }
                .flatMap { listener in listener.entries.map { rules[Int($0.rule)] } }
        default: return []
        }
        return candidates.flatMap { rule -> [Int] in
            guard case .forward(let targets) = rule.action else { return [] }
            return targets.compactMap { target in
                guard case .backend(let id) = target.destination else { return nil }
                return catalog.backends[Int(id)].isOpenAI ? nil : Int(id)
            }
        }
    }
}
