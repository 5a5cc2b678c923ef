// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshPolicy
import MeshSnapshot

/// Listeners on which other proxies ask whether requests of theirs may pass.
extension Compiler {
    /// Has the policies of the Gateway hold for every request, where no route says which requests
    /// there are. With a route, what none takes is refused, as it is for traffic.
    mutating func openAskedListeners() {
        for index in listeners.indices
        where listeners[index].speech.isAsked && listeners[index].entries.isEmpty {
            let rule = intern(
                Rule(
                    route: Self.askedRoute, index: 0, action: .refuse(404),
                    access: listeners[index].access,
                    labels: listeners[index].labels, identity: listeners[index].identity))
            listeners[index].entries.append(
                RouteEntry(
                    path: .prefix([UInt8(ascii: "/")]), rule: rule,
                    order: RouteOrder(implicit: true, route: Self.askedRoute)))
        }
    }

    /// What logs and metrics call the route that nobody wrote.
    private static let askedRoute = "asked"

    /// Reports what would hold for traffic and cannot hold where the mesh is only asked.
    mutating func checkAskedListeners() {
        guard !report.isQuiet, !report.hasErrors else { return }
        var reported: Set<Place> = []
        for listener in listeners where listener.speech.isAsked {
            var ids: [AccessID] = listener.access
            var limited = listener.limits
            for entry in listener.entries {
                ids = LimitBook.joined(ids, rules[Int(entry.rule)].access)
                limited = LimitBook.joined(limited, rules[Int(entry.rule)].limits)
            }
            for id in ids { checkFacts(of: Int(id), on: listener, &reported) }
            for id in limited { checkLimit(Int(id), on: listener, &reported) }
            if ids.isEmpty {
                report.warning(
                    listener.resource.name.place, listener.gateway,
                    "no AccessPolicy holds on listener \(quoted(listener.resource.name.value)): "
                        + "every request that is asked about may pass",
                    "target the Gateway with an AccessPolicy")
            }
        }
    }

    private mutating func checkFacts(
        of policy: Int, on listener: ListenerDraft, _ reported: inout Set<Place>
    ) {
        let draft = access.drafts[policy]
        for rule in access.policies[policy].rules {
            let read = rule.program.slots.compactMap {
                Fact(rawValue: access.layout.slots[$0].fact)
            }
            let engine = rule.engine >= 0 ? access.engines.engines[Int(rule.engine)] : nil
            let told = engine?.facts.map(\.fact) ?? []
            let keyed = (engine?.cache?.key ?? []).flatMap(\.slots).compactMap {
                Fact(rawValue: access.layout.slots[$0].fact)
            }
            guard let missing = (read + told + keyed).first(where: { !listener.speech.knows($0) }),
                let written = draft.written.rules.first(where: { $0.name.value == rule.name })
            else { continue }
            let place = written.condition?.place ?? written.name.place
            guard reported.insert(place).inserted else { continue }
            let why =
                missing.stage == .destination
                ? "the proxy that asks decides where requests go"
                : "the proxy that asks does not say"
            report.error(
                place, draft.written.metadata,
                "`\(missing.name)` is not known on listener "
                    + "\(quoted(listener.resource.name.value)) of \(listener.gateway.label), which "
                    + "speaks \(quoted(listener.speech.rawValue)): \(why)",
                "put that listener into a Gateway of its own, or leave the fact out")
        }
    }

    private mutating func checkLimit(
        _ number: Int, on listener: ListenerDraft, _ reported: inout Set<Place>
    ) {
        let draft = limits.drafts[number]
        guard reported.insert(draft.written.place).inserted else { return }
        report.error(
            draft.written.place, draft.policy,
            "nothing is counted on listener \(quoted(listener.resource.name.value)) of "
                + "\(listener.gateway.label), which speaks \(quoted(listener.speech.rawValue))",
            "put that listener into a Gateway of its own, or limit Models")
    }
}
