// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshPolicy
import MeshSnapshot

/// What OverloadPolicies say about which Backend.
struct OverloadBook {
    /// The policies, in the order of their names.
    private(set) var policies: [OverloadPolicy] = []
    private var ids: [ResourceName: (id: OverloadID, policy: Metadata)] = [:]

    /// The policies of `catalog`; what is wrong with them goes to `report`.
    init(_ catalog: Catalog, _ layout: inout FactLayout, _ report: inout Report) {
        for written in catalog.overload {
            let id = OverloadID(policies.count)
            for reference in written.targets {
                guard
                    let target = PolicyTarget(reference, of: written.metadata, catalog, &report)
                else { continue }
                if let other = ids[target.name] {
                    report.error(
                        reference.name.place, written.metadata,
                        other.id == id
                            ? "the Backend is named twice"
                            : "Backend \(quoted(target.name.name)) has \(other.policy.label) "
                                + "already, at \(other.policy.place.text)",
                        "keep one of them")
                } else {
                    ids[target.name] = (id, written.metadata)
                }
            }
            let settings = report.settings(of: written)
            let rules = Self.rules(of: written, &layout, &report)
            policies.append(
                OverloadPolicy(
                    name: written.metadata.id.text, settings: settings, priorities: rules))
        }
    }

    /// The policy of the Backend called `name`, or -1.
    func policy(of name: ResourceName) -> OverloadID { ids[name]?.id ?? -1 }

    private static func rules(
        of written: OverloadPolicyResource, _ layout: inout FactLayout, _ report: inout Report
    ) -> [PriorityRule] {
        var named: [String: Place] = [:]
        return written.priorities.compactMap { text in
            if let first = named[text.name.value] {
                report.error(
                    text.name.place, written.metadata,
                    "there is a priority \(quoted(text.name.value)) already, at \(first.text)",
                    "rename one of them")
                return nil
            }
            named[text.name.value] = text.name.place
            guard let condition = text.condition,
                let program = report.program(
                    condition, expecting: .bool, in: written.metadata, &layout)
            else { return nil }
            let facts = program.slots.compactMap { Fact(rawValue: layout.slots[$0].fact) }
            if facts.contains(where: { $0.stage == .destination }) {
                report.error(
                    condition.place, written.metadata,
                    "a request is given its priority before a Backend is chosen, so `destination` "
                        + "is not known",
                    "write a policy of its own for the Backend instead")
            }
            return PriorityRule(
                name: text.name.value, priority: text.priority.value, program: program)
        }
    }
}

extension Report {
    /// The numbers of `written`; what is wrong with them is noted.
    fileprivate mutating func settings(
        of written: OverloadPolicyResource
    ) -> OverloadSettings {
        let usual = OverloadSettings()
        let queue = written.queue
        let timeout = queue.timeout?.value ?? usual.queueTimeout
        for (field, value) in [("timeout", queue.timeout), ("target", queue.target)] {
            guard let value, value.value <= .zero else { continue }
            error(
                value.place, written.metadata, "`\(field)` of the queue cannot be zero",
                "write a duration above `0s`, or `length: 0` for no queue")
        }
        let target = min(queue.target?.value ?? usual.queueTarget, timeout)
        if let long = queue.target, long.value > timeout {
            error(
                long.place, written.metadata, "`target` of the queue is above its `timeout`",
                "write a `target` of at most \(timeout.milliseconds)")
        }
        return OverloadSettings(
            concurrency: concurrency(of: written), queueMax: queue.length?.value ?? usual.queueMax,
            queueTimeout: timeout, queueTarget: target)
    }

    private mutating func concurrency(
        of policy: OverloadPolicyResource
    ) -> OverloadSettings.Concurrency {
        let written = policy.concurrency
        let others: [(String, Place?)] = [
            ("min", written.least?.place), ("max", written.most?.place),
            ("initial", written.first?.place),
            ("tolerancePercent", written.tolerancePercent?.place),
            ("slack", written.slack?.place),
        ]
        if let limit = written.limit {
            for (name, place) in others {
                guard let place else { continue }
                error(
                    place, policy.metadata, "`\(name)` has no effect beside `limit`",
                    "remove one of them")
            }
            return .fixed(limit.value)
        }
        var adaptive = OverloadSettings.Adaptive()
        adaptive.least = written.least?.value ?? adaptive.least
        adaptive.most = written.most?.value ?? max(adaptive.most, adaptive.least)
        adaptive.first =
            written.first?.value ?? min(max(adaptive.first, adaptive.least), adaptive.most)
        adaptive.tolerancePercent = written.tolerancePercent?.value ?? adaptive.tolerancePercent
        adaptive.slack = written.slack?.value ?? adaptive.slack
        if let most = written.most, most.value < adaptive.least {
            error(
                most.place, policy.metadata, "`max` is below `min`",
                "write a `max` of at least \(adaptive.least)")
        }
        if let first = written.first,
            !(adaptive.least...max(adaptive.least, adaptive.most))
                .contains(first.value)
        {
            error(
                first.place, policy.metadata, "`initial` is not between `min` and `max`",
                "write a number from \(adaptive.least) to \(adaptive.most)")
        }
        return .adaptive(adaptive)
    }
}
