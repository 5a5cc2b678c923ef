// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
package import MeshSnapshot

/// The difference between two snapshots in words that a person checks before applying one.
///
/// Both are taken apart into things with a name (listeners, routes, backends, endpoints, models,
/// settings), and each thing into settings with a path and a value; numbers that only the
/// snapshot knows are written as the names they stand for, so that a change of order alone is
/// none.
package struct Plan: Hashable, Sendable {
    /// What differs, in the order in which a request would meet it.
    package var changes: [Change]

    /// One thing that is there in one snapshot only, or differs.
    package struct Change: Hashable, Sendable {
        /// How it differs.
        package var kind: Kind
        /// What it is: `route`, `backend`, …
        package var subject: String
        /// Its name.
        package var name: String
        /// For a change, each setting as `path: before -> after`; else the settings it has.
        package var details: [String]
    }

    /// How a thing differs.
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// It is new.
        case added
        /// It is gone.
        case removed
        /// Some of its settings differ.
        case changed
    }

    /// What would change if `next` took the place of `present`.
    package init(from present: Snapshot, to next: Snapshot) {
        let before = PlanThing.all(in: present)
        let after = PlanThing.all(in: next)
        var places: [PlanThing.Key: Int] = [:]
        for (number, thing) in before.enumerated() { places[thing.key] = number }
        var seen = Set<PlanThing.Key>()
        var found: [Change] = []
        for thing in after {
            seen.insert(thing.key)
            guard let former = places[thing.key].map({ before[$0] }) else {
                found.append(
                    Change(
                        kind: .added, subject: thing.key.subject, name: thing.key.name,
                        details: thing.settings.map { "\($0.path): \($0.value)" }))
                continue
            }
            let details = thing.differences(from: former)
            if details.isEmpty { continue }
            found.append(
                Change(
                    kind: .changed, subject: thing.key.subject, name: thing.key.name,
                    details: details))
        }
        for thing in before where !seen.contains(thing.key) {
            found.append(
                Change(
                    kind: .removed, subject: thing.key.subject, name: thing.key.name,
                    details: []))
        }
        let order = PlanThing.subjects
        changes = found.enumerated().sorted { a, b in
            let (left, right) = (
                order.firstIndex(of: a.element.subject) ?? 0,
                order.firstIndex(of: b.element.subject) ?? 0
            )
            return left == right ? a.offset < b.offset : left < right
        }.map(\.element)
    }
}

/// One thing of a snapshot with its settings.
struct PlanThing {
    /// What it is known by from one snapshot to the next.
    struct Key: Hashable {
        var subject: String
        var name: String
    }

    /// One setting.
    struct Setting {
        var path: String
        var value: String
    }

    var key: Key
    var settings: [Setting]

    static let subjects = [
        "mesh", "listener", "route", "model", "limit", "access", "engine", "residency", "identity",
        "backend", "endpoint",
    ]

    /// The settings that differ, each with both values.
    func differences(from former: PlanThing) -> [String] {
        var details: [String] = []
        for setting in settings {
            let old = former.settings.first { $0.path == setting.path }?.value
            if old != setting.value {
                details.append("\(setting.path): \(old ?? "(unset)") -> \(setting.value)")
            }
        }
        for old in former.settings where !settings.contains(where: { $0.path == old.path }) {
            details.append("\(old.path): \(old.value) -> (unset)")
        }
        return details
    }

    /// Every thing of `snapshot`.
    static func all(in snapshot: Snapshot) -> [PlanThing] {
        let dump = SnapshotDump(snapshot: snapshot)
        guard case .object(let members) = dump.json else { return [] }
        var things: [PlanThing] = []
        var mesh: [Setting] = []
        for member in members {
            switch (member.name, member.value) {
            case ("version", _): break
            case ("ports", .list(let ports)):
                for port in ports { things += listeners(of: port, in: snapshot) }
            case ("rules", .list(let rules)): things += routes(rules, in: snapshot)
            case ("backends", .list(let backends)):
                for backend in backends { things += parts(of: backend) }
            case ("usageLimits", .list(let limits)):
                for limit in limits {
                    var thing = named("limit", by: "name", limit, in: snapshot)
                    thing.key.name = "\(limit.text("policy"))/\(thing.key.name)"
                    things.append(thing)
                }
            case ("overloadPolicies", .list(let policies)):
                things += policies.map { named("overload", by: "name", $0, in: snapshot) }
            case ("accessPolicies", .list(let policies)):
                things += policies.map { named("access", by: "name", $0, in: snapshot) }
            case ("policyEngines", .list(let engines)):
                things += engines.map { named("engine", by: "name", $0, in: snapshot) }
            case ("residencyPolicies", .list(let policies)):
                things += policies.map { named("residency", by: "name", $0, in: snapshot) }
            case ("identityProviders", .list(let providers)):
                things += providers.map { named("identity", by: "name", $0, in: snapshot) }
            case ("models", .list(let models)):
                things += models.map { named("model", by: "resource", $0, in: snapshot) }
            default: mesh += flattened(member.value, at: member.name, in: snapshot)
            }
        }
        return [PlanThing(key: Key(subject: "mesh", name: "settings"), settings: mesh)] + things
    }

    private static func listeners(of port: JSONText, in snapshot: Snapshot) -> [PlanThing] {
        let place = "\(port.text("address")):\(port.text("port"))"
        return port.elements("listeners").map { listener in
            var settings = [Setting(path: "port", value: place)]
            let speech = port.text("protocol")
            if !speech.isEmpty { settings.append(Setting(path: "protocol", value: speech)) }
            for member in listener.members where member.name != "name" && member.name != "routes" {
                settings += flattened(member.value, at: member.name, in: snapshot)
            }
            let routes = listener.elements("routes").map { entry in
                entry.member("order")?.text("route") ?? ""
            }
            var names: [String] = []
            for route in routes where !names.contains(route) { names.append(route) }
            settings.append(
                Setting(path: "routes", value: names.sorted().joined(separator: ", ")))
            return PlanThing(
                key: Key(subject: "listener", name: listener.text("name")), settings: settings)
        }
    }

    /// One thing a route, its rules and their matches within.
    private static func routes(_ rules: [JSONText], in snapshot: Snapshot) -> [PlanThing] {
        var order: [String] = []
        var settings: [String: [Setting]] = [:]
        for (number, rule) in rules.enumerated() {
            let route = rule.text("route")
            if settings[route] == nil { order.append(route) }
            let prefix = "rules[\(rule.text("index"))]"
            var found: [Setting] = []
            for (match, entry) in matches(ofRule: number, in: snapshot).enumerated() {
                found.append(Setting(path: "\(prefix).matches[\(match)]", value: entry))
            }
            for member in rule.members where member.name != "route" && member.name != "index" {
                found += flattened(member.value, at: "\(prefix).\(member.name)", in: snapshot)
            }
            settings[route, default: []] += found
        }
        return order.map {
            PlanThing(key: Key(subject: "route", name: $0), settings: settings[$0] ?? [])
        }
    }

    /// The matches that lead to a rule, in words, each once however many listeners have it.
    private static func matches(ofRule number: Int, in snapshot: Snapshot) -> [String] {
        var found: [String] = []
        let dump = SnapshotDump(snapshot: snapshot)
        for port in snapshot.ports {
            for listener in port.listeners {
                for entry in listener.routes.entries where Int(entry.rule) == number {
                    var plain = entry
                    plain.rule = 0
                    let words = dump.entry(plain).members
                        .filter { $0.name != "rule" && $0.name != "order" }
                        .flatMap { flattened($0.value, at: $0.name, in: snapshot) }
                        .map { "\($0.path) \($0.value)" }
                    let text = words.joined(separator: ", ")
                    if !found.contains(text) { found.append(text) }
                }
            }
        }
        return found
    }

    /// A backend, and each of its endpoints as a thing of its own.
    private static func parts(of backend: JSONText) -> [PlanThing] {
        let name = backend.text("name")
        var settings: [Setting] = []
        for member in backend.members where member.name != "name" && member.name != "endpoints" {
            settings += flattened(member.value, at: member.name, in: nil)
        }
        let endpoints = backend.elements("endpoints").map { endpoint in
            let place = endpoint.text("address")
            let rest = endpoint.members
                .filter { $0.name != "address" }
                .flatMap { flattened($0.value, at: $0.name, in: nil) }
            return PlanThing(
                key: Key(subject: "endpoint", name: "\(place) of \(name)"), settings: rest)
        }
        return [PlanThing(key: Key(subject: "backend", name: name), settings: settings)]
            + endpoints
    }

    private static func named(
        _ subject: String, by field: String, _ value: JSONText, in snapshot: Snapshot
    ) -> PlanThing {
        let settings = value.members.filter { $0.name != field }
            .flatMap { flattened($0.value, at: $0.name, in: snapshot) }
        return PlanThing(key: Key(subject: subject, name: value.text(field)), settings: settings)
    }

    /// What the numbers of a list at `path` stand for, or nil when they are numbers.
    private static func names(at path: String, in snapshot: Snapshot?) -> [String]? {
        guard let snapshot, let last = path.split(separator: ".").last else { return nil }
        switch last {
        case "limits": return snapshot.usageLimits.map(\.label)
        case "access": return snapshot.access.policies.map(\.name)
        case "identity": return snapshot.identity.map(\.name)
        default: return nil
        }
    }

    /// The settings within `value`; a number that names a model becomes the model's name.
    private static func flattened(
        _ value: JSONText, at path: String, in snapshot: Snapshot?
    ) -> [Setting] {
        switch value {
        case .object(let members):
            return members.flatMap { flattened($0.value, at: "\(path).\($0.name)", in: snapshot) }
        case .list(let elements):
            if let names = names(at: path, in: snapshot) {
                let shown = elements.map { element in
                    if case .number(let id) = element, names.indices.contains(id) {
                        return names[id]
                    }
                    return element.scalarText
                }
                return [Setting(path: path, value: "[\(shown.joined(separator: ", "))]")]
            }
            if elements.allSatisfy(\.isScalar) {
                let text = elements.map(\.scalarText).joined(separator: ", ")
                return [Setting(path: path, value: "[\(text)]")]
            }
            return elements.enumerated().flatMap { number, element in
                flattened(element, at: "\(path)[\(number)]", in: snapshot)
            }
        case .number(let number):
            if path.hasSuffix(".model"), let models = snapshot?.models,
                models.indices.contains(number)
            {
                return [Setting(path: path, value: models[number].resource)]
            }
            if path.hasSuffix("Nanoseconds") {
                let length = Nanoseconds(Int64(number)).milliseconds
                return [Setting(path: String(path.dropLast(11)), value: length)]
            }
            return [Setting(path: path, value: "\(number)")]
        default: return [Setting(path: path, value: value.scalarText)]
        }
    }
}

extension JSONText {
    /// Members of an object; none of anything else.
    fileprivate var members: [Member] { if case .object(let all) = self { all } else { [] } }

    fileprivate func member(_ name: String) -> JSONText? {
        members.first { $0.name == name }?.value
    }

    fileprivate func elements(_ name: String) -> [JSONText] {
        if case .list(let all)? = member(name) { all } else { [] }
    }

    /// A scalar member as text; empty when there is none.
    fileprivate func text(_ name: String) -> String { member(name)?.scalarText ?? "" }

    fileprivate var isScalar: Bool {
        switch self {
        case .null, .boolean, .number, .fixed, .text: true
        case .list, .object: false
        }
    }

    fileprivate var scalarText: String {
        switch self {
        case .null: "none"
        case .boolean(let value): "\(value)"
        case .number(let number): "\(number)"
        case .text(let text): text
        case .fixed, .list, .object: rendered.trimmedLineBreak
        }
    }
}

extension String {
    /// The text without a line break at its end.
    fileprivate var trimmedLineBreak: String { hasSuffix("\n") ? String(dropLast()) : self }
}
