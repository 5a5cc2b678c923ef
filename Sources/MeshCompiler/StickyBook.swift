// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshPolicy
import MeshSnapshot

/// What callers are told apart by, as TrafficPolicies and the Mesh's defaults say it, compiled.
struct StickyBook {
    /// The expressions; `StickyKeyID` is an index into this.
    private(set) var keys: [StickyKey] = []
    /// Where those of policies are written.
    private(set) var drafts: [Draft] = []
    private var ids: [EmbeddedText: StickyKeyID] = [:]

    /// An expression with where it comes from.
    struct Draft {
        /// Which one it is.
        var key: StickyKeyID
        /// What was written.
        var text: EmbeddedText
        /// The policy.
        var policy: Metadata
        /// What the policy applies to.
        var targets: [PolicyTarget]
    }

    /// The expressions of `catalog`; what they read is added to `layout`, what is wrong with them
    /// goes to `report`.
    init(_ catalog: Catalog, _ layout: inout FactLayout, _ report: inout Report) {
        if let mesh = catalog.mesh {
            _ = add(mesh.defaults, of: mesh.metadata, &layout, &report)
        }
        for policy in catalog.policies {
            guard let (key, text) = add(policy.settings, of: policy.metadata, &layout, &report)
            else { continue }
            // What is wrong with the targets is told where settings are merged.
            var unheard = Report(isQuiet: true)
            let targets = policy.targets.compactMap {
                PolicyTarget($0, of: policy.metadata, catalog, &unheard)
            }
            drafts.append(Draft(key: key, text: text, policy: policy.metadata, targets: targets))
        }
    }

    /// How the targets of `owner` called `targets` are shared out where `settings` hold; nil where
    /// chance decides, or there is nothing to decide.
    func sticky(
        _ settings: TrafficSettings, of owner: String, targets: [String]
    ) -> Sticky? {
        guard targets.count > 1, case .expression(let text)? = settings[.stickyBy]?.value,
            let key = ids[text]
        else { return nil }
        return Sticky(key: key, by: text.text, owner: owner, targets: targets)
    }

    private mutating func add(
        _ settings: TrafficSettings, of resource: Metadata, _ layout: inout FactLayout,
        _ report: inout Report
    ) -> (key: StickyKeyID, text: EmbeddedText)? {
        guard case .expression(let text)? = settings[.stickyBy]?.value,
            let program = Self.program(text, of: resource, &layout, &report)
        else { return nil }
        let key = StickyKeyID(keys.count)
        keys.append(StickyKey(program, layout: layout))
        ids[text] = key
        return (key, text)
    }

    private static func program(
        _ text: EmbeddedText, of resource: Metadata, _ layout: inout FactLayout,
        _ report: inout Report
    ) -> Program? {
        guard let program = report.program(text, expecting: .dyn, in: resource, &layout) else {
            return nil
        }
        switch program.type {
        case .string, .int, .uint, .bool, .dyn: break
        default:
            report.error(
                text.place, resource,
                "the expression is \(program.type), and callers are told apart by one text",
                "make it a text or a number: `source.identity`")
            return nil
        }
        let facts = program.slots.compactMap { Fact(rawValue: layout.slots[$0].fact) }
        if let late = facts.first(where: { $0.stage != .head }) {
            report.error(
                text.place, resource, "`\(late.name)` is not known yet when a target is chosen",
                "let the expression speak about the caller or the head of its request")
            return nil
        }
        if facts.isEmpty {
            report.error(
                text.place, resource,
                "the expression says the same of every caller, so all would get one target",
                "let it speak about a fact of Docs/facts.md: `source.identity`")
            return nil
        }
        return program
    }
}
