// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshSnapshot

extension Compiler {
    /// Has bodies read where an expression that gives labels needs them, and reports where nobody
    /// can read them: what cannot be known counts as labelled.
    mutating func attachResidency() {
        if let mesh = catalog.mesh, let output = mesh.logOutput, output.value == "off",
            !residency.policies.isEmpty
        {
            report.warning(
                output.place, mesh.metadata,
                "without an access log labelled data leaves no receipts",
                "write the log to standard output or a file")
        }
        for draft in residency.classifiers { usedBackends[Int(draft.engine.backend)] = true }
        guard
            !residency.classifiers.isEmpty
                || residency.sources.contains(where: { $0.readsBody })
        else { return }
        var unread: [Int] = []
        for index in rules.indices {
            guard case .forward(let targets) = rules[index].action, !rules[index].needsFacts else {
                continue
            }
            let plain = targets.contains { target in
                guard case .backend(let id) = target.destination else { return false }
                return backends[Int(id)].dialect != .openAI
            }
            if plain { unread.append(index) } else { rules[index].needsFacts = true }
        }
        guard let first = unread.first, !report.hasErrors else { return }
        for draft in residency.classifiers {
            report.warning(
                draft.place, draft.policy,
                "bodies on HTTPRoute \(quoted(rules[first].route)) are not read and so not "
                    + "classified: all of its requests with a body carry "
                    + residency.labels.indices
                    .filter { draft.labels.contains(DataLabels(number: $0)) }
                    .map { "`\(residency.labels[$0])`" }.joined(separator: ", "),
                "write `dialect: OpenAI` into the `spec` of its Backends, or use a fact of the head"
            )
        }
        for (number, source) in residency.sources.enumerated() where source.readsBody {
            let (draft, text) = residency.sourceTexts[number]
            let route = rules[first].route
            let more = Set(unread.map { rules[$0].route }).count - 1
            report.warning(
                text.place, residency.drafts[draft].metadata,
                "the expression reads bodies, and those on HTTPRoute \(quoted(route))"
                    + (more > 0 ? " and \(more) more" : "")
                    + " are not read: all of its requests carry the label "
                    + "`\(residency.labels[source.label])`",
                "write `dialect: OpenAI` into the `spec` of its Backends, or use a fact of the head"
            )
        }
    }
}
