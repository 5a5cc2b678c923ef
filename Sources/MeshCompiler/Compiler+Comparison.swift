// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension Compiler {
    /// Finds the Models that comparisons ask how much two texts mean the same.
    mutating func resolveEmbedders() {
        if let mesh = catalog.mesh { resolveEmbedder(of: mesh.defaults, mesh.metadata) }
        for policy in catalog.policies { resolveEmbedder(of: policy.settings, policy.metadata) }
    }

    private mutating func resolveEmbedder(of settings: TrafficSettings, _ resource: Metadata) {
        guard let entry = settings[.similarityModel], case .text(let written) = entry.value else {
            return
        }
        let name = ResourceName(namespace: resource.id.namespace, name: written)
        guard let index = catalog.index(of: .model, name) else {
            report.dangling(
                .model, name, at: entry.place, in: resource, catalog, takesNamespace: false)
            return
        }
        modelDrafts[index].isUsed = true
        if let known = embedders.firstIndex(where: { $0.name == name.text }) {
            embedderPlaces[entry.place] = known
            return
        }
        embedderPlaces[entry.place] = embedders.count
        let draft = modelDrafts[index]
        embedders.append(
            Embedder(
                name: name.text,
                targets: draft.targets.map { target in
                    var target = target
                    // Nobody's own name for it is in a question of the mesh's own.
                    target.upstreamModel =
                        target.upstreamModel ?? Array(draft.resource.name.value.utf8)
                    return target
                }))
    }

    /// How answers of mirrors are compared where `settings` hold; nil when nobody says. A share of
    /// 0 is kept where a policy says it, so that a Model can leave out what its routes compare.
    func comparison(_ settings: TrafficSettings) -> Comparison? {
        guard let percent = settings.number(.comparisonPercent) else { return nil }
        let place = settings[.comparisonPercent]?.place
        if percent == 0, place == catalog.mesh?.defaults[.comparisonPercent]?.place { return nil }
        var similarity: Comparison.Similarity?
        if let place = settings[.similarityModel]?.place, let embedder = embedderPlaces[place] {
            similarity = Comparison.Similarity(
                embedder: embedder, percent: settings.number(.similarityPercent) ?? 10,
                perMinute: settings.number(.similarityPerMinute) ?? 60)
        }
        return Comparison(
            percent: percent,
            answerBytesMax: settings.number(.comparisonBytes) ?? 256 * 1024,
            concurrentMax: settings.number(.comparisonConcurrent) ?? 16,
            timeout: settings.duration(.comparisonTimeout) ?? .seconds(60),
            similarity: similarity)
    }

    /// Reports comparisons of nothing.
    mutating func checkComparisons() {
        guard !report.isQuiet, !report.hasErrors else { return }
        for policy in catalog.policies {
            guard let entry = policy.settings[.comparisonPercent], entry.value != .number(0) else {
                continue
            }
            for reference in policy.targets {
                var unheard = Report(isQuiet: true)
                guard
                    let target = PolicyTarget(reference, of: policy.metadata, catalog, &unheard),
                    !hasMirrors(target)
                else { continue }
                report.warning(
                    entry.place, policy.metadata,
                    "\(target.kind.rawValue) \(quoted(target.name.name)) has no mirrors whose "
                        + "answers could be compared",
                    target.kind == .model
                        ? "add `mirrors` to the Model" : "add a `RequestMirror` to a rule of it")
            }
        }
    }

    /// Whether a copy of any request of `target` is sent anywhere; true of what is not looked at.
    private func hasMirrors(_ target: PolicyTarget) -> Bool {
        switch target.kind {
        case .model:
            return catalog.index(of: .model, target.name)
                .map { !modelDrafts[$0].mirrors.isEmpty } ?? true
        case .httpRoute, .grpcRoute:
            return rules.contains { rule in
                guard rule.route == target.name.text else { return false }
                if !rule.mirrors.isEmpty { return true }
                guard case .forward(let targets) = rule.action else { return false }
                return targets.contains { target in
                    guard case .model(let id) = target.destination else { return false }
                    return !models[Int(id)].mirrors.isEmpty
                }
            }
        default: return true
        }
    }
}
