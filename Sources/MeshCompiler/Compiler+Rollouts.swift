// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// Compiles every Rollout of the catalog, and gives each canary its share.
    ///
    /// A Rollout that `shares` says nothing of stands at its beginning: so do `pinion check` and
    /// everybody else who does not know how far it is.
    mutating func compileRollouts(_ shares: [RolloutShare]) {
        var claims: [PolicyTarget: Metadata] = [:]
        for rollout in catalog.rollouts {
            guard rollouts.count < RolloutTable.plansMax else {
                report.error(
                    rollout.metadata.place, rollout.metadata,
                    "there are more than \(RolloutTable.plansMax) Rollouts",
                    "remove those that are over")
                return
            }
            guard let reference = rollout.target,
                let target = PolicyTarget(reference, of: rollout.metadata, catalog, &report)
            else { continue }
            if let first = claims[target], target.kind == .model || rollout.section == nil {
                report.error(
                    reference.name.place, rollout.metadata,
                    "\(first.label) shifts the targets of this \(target.kind.rawValue) already",
                    "remove one of the two")
                continue
            }
            claims[target] = rollout.metadata
            guard let sides = sides(of: rollout, target),
                let plan = plan(of: rollout, target, sides)
            else { continue }
            let share =
                shares.first { $0.name == plan.name }
                ?? RolloutShare(name: plan.name, weight: plan.steps[0].weight)
            let id = RolloutID(rollouts.count)
            rollouts.append(plan)
            if !apply(share, of: id, to: sides, in: target) {
                report.missing(
                    rollout.canary.place, rollout.metadata,
                    "its targets are on both sides of another Rollout too",
                    "let only one of them shift what a request can reach")
            }
        }
    }

    /// The targets of both sides, by what they are called.
    struct Sides {
        /// The target that serves now.
        var stable: Side
        /// The target that is to take its place.
        var canary: Side
        /// The rules of a route that have both; empty for a Model.
        var rules: Set<Int>
    }

    /// One side.
    struct Side {
        /// What it is called.
        var name: String
        /// What it leads to, as far as it is written at the target: something else is another
        /// rollout, under whatever name.
        var full: String
        /// For a Model: which of its targets.
        var index: Int = 0
        /// For a route: what its `backendRef` leads to.
        var destination: ResourceName?
        /// Whether that is a Model; always so for the target of a Model.
        var isModel = true
        /// What its tokens cost, as far as that is known.
        var price: Price?
    }

    private mutating func sides(of rollout: RolloutResource, _ target: PolicyTarget) -> Sides? {
        if rollout.stable.value == rollout.canary.value, rollout.metadata.isSound {
            report.error(
                rollout.canary.place, rollout.metadata,
                "`stable` and `canary` are the same target", "name another one")
            return nil
        }
        guard let index = catalog.index(of: target.kind, target.name) else { return nil }
        if target.kind == .model {
            if let section = rollout.section {
                report.error(
                    section.place, rollout.metadata, "a Model has no sections",
                    "remove `sectionName`")
                return nil
            }
            let model = catalog.models[index]
            guard let stable = side(rollout.stable, of: model, in: rollout.metadata),
                let canary = side(rollout.canary, of: model, in: rollout.metadata)
            else { return nil }
            return Sides(stable: stable, canary: canary, rules: [])
        }
        return sides(of: rollout, catalog.routes[index])
    }

    /// The target of `model` called `name`: its Backend, or its Backend and model.
    private mutating func side(
        _ name: Located<String>, of model: ModelResource, in rollout: Metadata
    ) -> Side? {
        var known: [String] = []
        var found: [Int] = []
        for (index, target) in model.targets.enumerated() {
            let backend = target.backend.name.value
            let isAlone = model.targets.count { $0.backend.name.value == backend } == 1
            let full = "\(backend)/\(target.model ?? model.name.value)"
            known.append(isAlone ? backend : full)
            if name.value == full || name.value == backend { found.append(index) }
        }
        guard found.count == 1 else {
            let what =
                found.isEmpty
                ? "\(model.metadata.label) has no target \(quoted(name.value))"
                : "\(model.metadata.label) has \(found.count) targets \(quoted(name.value))"
            report.error(name.place, rollout, what, "write one of \(Self.list(known))")
            return nil
        }
        let written = model.targets[found[0]]
        return Side(
            name: name.value,
            full: "\(written.backend.name.value)/\(written.model ?? model.name.value)",
            index: found[0],
            price: (written.price ?? model.price).map { Price($0) })
    }

    private mutating func sides(
        of rollout: RolloutResource, _ route: HTTPRouteResource
    ) -> Sides? {
        let names = [rollout.stable.value, rollout.canary.value]
        var rules: Set<Int> = []
        var known: [String] = []
        var sides: [Side] = []
        for (index, rule) in route.rules.enumerated() {
            if let section = rollout.section, rule.name?.value != section.value { continue }
            let refs = rule.backends.map(\.reference)
            known += refs.map(\.name.value).filter { !known.contains($0) }
            let found = names.map { name in refs.filter { $0.name.value == name } }
            if found.contains(where: { $0.count > 1 }) {
                report.error(
                    rule.place, rollout.metadata,
                    "the rule has several targets of the same name", "rename one of them")
                return nil
            }
            guard let stable = found[0].first, let canary = found[1].first else { continue }
            rules.insert(index)
            sides = [side(stable, of: route), side(canary, of: route)]
        }
        if sides.count == 2 {
            return Sides(stable: sides[0], canary: sides[1], rules: rules)
        }
        let label = route.metadata.label
        report.missing(
            rollout.section?.place ?? rollout.canary.place, rollout.metadata,
            rollout.section.map { section in
                "rule \(quoted(section.value)) of \(label) is not there, or has not both targets"
            } ?? "no rule of \(label) has both targets",
            known.isEmpty ? "add `backendRefs`" : "write two of \(Self.list(known))")
        return nil
    }

    private func side(_ reference: Reference, of route: HTTPRouteResource) -> Side {
        let name = reference.target(from: route.metadata.id.namespace)
        let isModel = reference.kind?.value == Kind.model.rawValue
        let model =
            isModel ? catalog.index(of: .model, name).map { catalog.models[$0] } : nil
        let prices = (model?.targets ?? []).map { $0.price ?? model?.price }
        return Side(
            name: reference.name.value,
            full: "\(isModel ? "Model" : "Backend") \(name.text)",
            destination: name, isModel: isModel,
            price: prices.contains(where: { $0 == nil })
                ? nil : prices.first.flatMap { $0 }.map { Price($0) })
    }

    private static func list(_ names: [String]) -> String {
        names.map { "`\($0)`" }.joined(separator: ", ")
    }
}

extension Compiler {
    /// Gives the canary of rollout `id` its share wherever both sides are; false when a target
    /// belongs to another rollout already, or leads to a Model that has one.
    private mutating func apply(
        _ share: RolloutShare, of id: RolloutID, to sides: Sides, in target: PolicyTarget
    ) -> Bool {
        if target.kind == .model {
            let last = max(sides.stable.index, sides.canary.index)
            // Of a Model with a target that leads nowhere, which is an error, some are missing.
            for number in models.indices
            where models[number].resource == target.name.text
                && models[number].targets.count > last
            {
                let weights = Self.weights(
                    models[number].targets.map(\.weight), sides.stable.index, sides.canary.index,
                    share)
                for (index, weight) in weights.enumerated() {
                    models[number].targets[index].weight = weight
                }
                models[number].targets[sides.stable.index].arm = 2 * id
                models[number].targets[sides.canary.index].arm = 2 * id + 1
            }
            return !rules.contains { rule in
                rule.targets.contains { leads($0, toModelsOf: target.name) && $0.arm >= 0 }
            }
        }
        var isFree = true
        for number in rules.indices
        where rules[number].route == target.name.text && sides.rules.contains(rules[number].index) {
            guard case .forward(var targets) = rules[number].action,
                let stable = position(of: sides.stable, in: rules[number]),
                let canary = position(of: sides.canary, in: rules[number])
            else { continue }
            let weights = Self.weights(targets.map(\.weight), stable, canary, share)
            for (index, weight) in weights.enumerated() { targets[index].weight = weight }
            for (index, arm) in [(stable, 2 * id), (canary, 2 * id + 1)] {
                if targets[index].arm >= 0 || isShifted(targets[index]) { isFree = false }
                targets[index].arm = arm
            }
            rules[number].action = .forward(targets)
        }
        return isFree
    }

    /// Where a side stands among the targets of a rule.
    private func position(of side: Side, in rule: Rule) -> Int? {
        rule.targets.firstIndex { target in
            switch target.destination {
            case .backend(let id): !side.isModel && backends[Int(id)].name == side.destination?.text
            case .model(let id):
                side.isModel && models[Int(id)].resource == side.destination?.text
            case .invalid: false
            }
        }
    }

    private func leads(_ target: WeightedTarget, toModelsOf name: ResourceName) -> Bool {
        if case .model(let id) = target.destination {
            models[Int(id)].resource == name.text
        } else {
            false
        }
    }

    /// Whether a target of a rule leads to a Model whose own targets are shifted.
    private func isShifted(_ target: WeightedTarget) -> Bool {
        if case .model(let id) = target.destination {
            models[Int(id)].targets.contains { $0.arm >= 0 }
        } else {
            false
        }
    }

    /// The weights that give the canary its share of what both sides were given together; what
    /// others were given stays in proportion.
    static func weights(
        _ written: [Int], _ stable: Int, _ canary: Int, _ share: RolloutShare
    ) -> [Int] {
        let both = max(1, written[stable] + written[canary])
        let isAlone = written.enumerated().allSatisfy {
            $0.offset == stable || $0.offset == canary || $0.element == 0
        }
        let whole = isAlone ? 1 : both
        var weights = written.map { isAlone ? $0 : $0 * 100 }
        weights[canary] = whole * share.weight
        weights[stable] = whole * (100 - share.weight)
        return weights
    }
}

extension Rule {
    /// The weighted targets that it forwards to.
    fileprivate var targets: [WeightedTarget] {
        if case .forward(let targets) = action { targets } else { [] }
    }
}
