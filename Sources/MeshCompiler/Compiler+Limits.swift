// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// Reports limits that could not be enforced where they are attached. A limit is never left
    /// out in silence: what cannot be counted is a mistake.
    mutating func checkLimits() {
        // With resources that could not be read, nothing can be said about where things lead.
        guard !report.isQuiet, !report.hasErrors else { return }
        for (index, draft) in limits.drafts.enumerated() {
            let limit = limits.limits[index]
            for target in draft.targets {
                if limit.needsModel { checkModels(limit, draft, target) }
                if case .cost(let currency) = limit.unit {
                    checkPrices(draft, target, currency)
                }
            }
        }
        checkCounts()
    }

    /// Tokens, money and models are known only of requests that lead to a Model.
    private mutating func checkModels(
        _ limit: Limit, _ draft: LimitBook.Draft, _ target: PolicyTarget
    ) {
        let what =
            switch limit.unit {
            case .requests: "the model cannot be told apart"
            case .tokens: "tokens cannot be counted"
            case .cost: "money cannot be counted"
            }
        switch target.kind {
        case .httpRoute, .grpcRoute:
            let rules = rules.filter { $0.route == target.name.text }
            guard rules.contains(where: { leadsPastModels($0) }) else { return }
            report.error(
                draft.written.place, draft.policy,
                "\(what) on \(target.kind.rawValue) \(quoted(target.name.name)): it leads to a "
                    + "Backend without a Model",
                "forward to a Model, or limit `requests`")
        case .gateway where !models(of: target).isEmpty: break
        case .gateway:
            report.error(
                draft.written.place, draft.policy,
                "\(what) on Gateway \(quoted(target.name.name)): nothing on it leads to a Model",
                "attach a Model, or limit `requests`")
        default: break
        }
    }

    private mutating func checkPrices(
        _ draft: LimitBook.Draft, _ target: PolicyTarget, _ currency: Currency
    ) {
        let place = draft.written.cost?.place ?? draft.written.place
        for index in models(of: target) {
            let model = modelDrafts[index]
            let label = model.resource.metadata.label
            for served in model.targets + model.fallbacks {
                guard let price = served.price else {
                    report.error(
                        place, draft.policy,
                        "\(label) has no price, so its requests would count for nothing",
                        "write a `price` into the Model, or into each of its targets")
                    break
                }
                guard price.currency == currency else {
                    report.error(
                        place, draft.policy,
                        "the limit is in \(currency.text) and a price of \(label) in "
                            + price.currency.text,
                        "write the same `currency` for both")
                    break
                }
            }
        }
    }

    /// The indices of the Models that requests of `target` can lead to, ascending.
    private func models(of target: PolicyTarget) -> [Int] {
        var ids: Set<ModelID> = []
        switch target.kind {
        case .model:
            return catalog.index(of: .model, target.name).map { [$0] } ?? []
        case .httpRoute, .grpcRoute:
            for rule in rules where rule.route == target.name.text { ids.formUnion(rule.models) }
        case .gateway:
            for listener in listeners where listener.gateway.id == target.name {
                ids.formUnion(listener.models.map(\.model))
                for entry in listener.entries { ids.formUnion(rules[Int(entry.rule)].models) }
            }
        default: break
        }
        return modelDrafts.indices.filter { index in
            modelDrafts[index].instances.contains { ids.contains($0) }
        }
    }

    private func leadsPastModels(_ rule: Rule) -> Bool {
        guard case .forward(let targets) = rule.action else { return false }
        return targets.contains { target in
            if case .backend = target.destination { true } else { false }
        }
    }

    /// One request meets at most so many limits; the last one is never left out.
    private mutating func checkCounts() {
        let mostOfModels = models.map(\.limits.count).max() ?? 0
        for rule in rules {
            let isForModels = rule.action == .modelByBody || !rule.models.isEmpty
            let count = rule.limits.count + (isForModels ? mostOfModels : 0)
            guard count > Limit.perRequestMax, let last = limits.drafts.last else { continue }
            report.error(
                last.written.place, last.policy,
                "\(count) limits would apply to one request of route \(quoted(rule.route))",
                "remove some: at most \(Limit.perRequestMax) may")
            return
        }
    }
}

extension Rule {
    /// The models that it forwards to by itself.
    fileprivate var models: [ModelID] {
        guard case .forward(let targets) = action else { return [] }
        return targets.compactMap { target in
            if case .model(let id) = target.destination { id } else { nil }
        }
    }
}
