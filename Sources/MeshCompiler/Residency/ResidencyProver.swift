// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshSnapshot
import MeshWire

/// Walks every path of a snapshot that a labelled request can take.
///
/// ```
///  listener ──> rule ──> backend ───────────────────────────────> endpoint
///                 │ └──> Model ──> target or fallback: backend ──> endpoint
///                 ├────> copy: backend ───────────────────────────> endpoint
///                 └────> question to a PolicyEngine: backend ─────> endpoint
/// ```
///
/// A retry goes to the endpoints of its backend, as a first try does, and so is no path of its
/// own.
struct ResidencyProver {
    private let snapshot: Snapshot
    private let judge: ResidencyJudge
    /// When the first evidence that a path rests on ends.
    private(set) var holdsUntil: WallTime?

    /// A prover for `snapshot` at `time`.
    init(_ snapshot: Snapshot, at time: WallTime) {
        self.snapshot = snapshot
        judge = ResidencyJudge(snapshot, at: time)
    }

    /// A rule as it is reached from a listener.
    private struct Place {
        var listener: Listener
        var rule: Rule
        /// What leads to the rule.
        var match: String
        /// Whether other proxies ask there about requests that they send on themselves.
        var isAsked: Bool

        /// What people call the rule.
        var name: String { "\(rule.index) of route \(rule.route)" }
        /// Whether nobody wrote it.
        var isImplicit: Bool { rule.route == "models" }
    }

    /// Where a rule may send a request.
    private struct Way {
        /// The model that it goes by, or nil.
        var model: Model?
        /// What makes it go there.
        var step: String
        /// The backend.
        var backend: BackendID
    }

    // MARK: Walking

    /// Hands every path to `take`.
    mutating func visit(_ take: (ResidencyPath) -> Void) {
        let places = self.places
        for label in snapshot.residency.labels.indices {
            var reached = Reached()
            for place in places {
                for way in ways(of: place) {
                    let gift = judge.gift(of: label, place.listener, place.rule, way.model)
                    if gift == .never {
                        reached.unlabelled.append((place, way))
                        continue
                    }
                    reached.note(place, way)
                    walk(label, gift, place, way, take)
                }
            }
            // What carries the label on one way must carry it on every way.
            for (place, way) in reached.unlabelled where reached.isKnown(place, way) {
                walk(label, .never, place, way, take)
            }
        }
    }

    /// What was reached with a label: models and rules, and ways without it.
    private struct Reached {
        private var models: Set<String> = []
        private var rules: Set<String> = []
        var unlabelled: [(Place, Way)] = []

        mutating func note(_ place: Place, _ way: Way) {
            if let model = way.model { models.insert(model.resource) }
            if !place.isImplicit { rules.insert(place.name) }
        }

        func isKnown(_ place: Place, _ way: Way) -> Bool {
            way.model.map { models.contains($0.resource) } ?? false
                || !place.isImplicit && rules.contains(place.name)
        }
    }

    /// Hands the paths of one way to `take`.
    private mutating func walk(
        _ label: Int, _ gift: ResidencyJudge.Gift, _ place: Place, _ way: Way,
        _ take: (ResidencyPath) -> Void
    ) {
        var steps = [
            "listener \(place.listener.name)", "rule \(place.name) (\(place.match))",
        ]
        if let model = way.model {
            let name = String(decoding: model.name, as: UTF8.self)
            steps.append("Model \(model.resource) (`\(name)`)")
        }
        steps.append(way.step)
        let backend = snapshot.backends[Int(way.backend)]
        for id in backend.endpoints where snapshot.endpoints[Int(id)].weight > 0 {
            let (verdict, reason) = judge.verdict(of: label, gift, at: id)
            // Ways without the label matter only where they lead out.
            if gift == .never, verdict == .allowed { continue }
            if verdict == .allowed, let end = judge.end(ofEvidenceFor: label, at: id) {
                holdsUntil = min(holdsUntil ?? end, end)
            }
            take(
                ResidencyPath(
                    label: snapshot.residency.labels[label],
                    steps: steps + [judge.description(of: id)], verdict: verdict,
                    reason: reason))
        }
    }

    /// Every rule that some listener leads to, each once a listener.
    private var places: [Place] {
        snapshot.ports.flatMap { port in port.listeners.map { (port.speech.isAsked, $0) } }.flatMap
        {
            isAsked, listener in
            var entries: [RuleID: [RouteEntry]] = [:]
            for entry in listener.routes.entries { entries[entry.rule, default: []].append(entry) }
            return entries.keys.sorted().map { rule in
                let own = entries[rule] ?? []
                let more = own.count > 1 ? " and \(own.count - 1) more" : ""
                return Place(
                    listener: listener, rule: snapshot.rules[Int(rule)],
                    match: (own.first.map(Self.match) ?? "") + more, isAsked: isAsked)
            }
        }
    }

    private func ways(of place: Place) -> [Way] {
        if place.isAsked { return questions(of: place.rule.access, about: nil) }
        let sent = waysOut(of: place)
        let copies = place.rule.mirrors.filter { $0.numerator > 0 }.map { mirror in
            Way(step: "copy for backend \(name(mirror.backend))", backend: mirror.backend)
        }
        // Every model that the rule leads to, and nil where it leads past them.
        var models: [Model?] = []
        for way in sent where !models.contains(where: { $0?.resource == way.model?.resource }) {
            models.append(way.model)
        }
        if models.isEmpty { models = [nil] }
        let copiesOfModels = models.flatMap { model in
            (model?.mirrors ?? []).filter { $0.numerator > 0 }.map { mirror in
                Way(
                    model: model, step: "copy for backend \(name(mirror.backend))",
                    backend: mirror.backend)
            }
        }
        return sent + copies + copiesOfModels
            + models.flatMap { model in
                questions(of: place.rule.access, about: model)
                    + questions(
                        of: (model?.access ?? []).filter { !place.rule.access.contains($0) },
                        about: model) + classifications(of: place, about: model)
            }
    }

    /// The classifiers that are shown the text of requests that the rule of `place` takes.
    private func classifications(of place: Place, about model: Model?) -> [Way] {
        guard place.rule.needsFacts else { return [] }
        return snapshot.residency.classifiers.map { classifier in
            let backend = snapshot.access.engines[Int(classifier.engine)].backend
            return Way(model: model, step: "text for classifier \(name(backend))", backend: backend)
        }
    }

    /// The questions that rules of `policies` ask about requests for `model`.
    private func questions(of policies: [AccessID], about model: Model?) -> [Way] {
        var asked: [EngineID] = []
        for id in policies {
            for rule in snapshot.access.policies[Int(id)].rules
            where rule.action == .custom && !asked.contains(rule.engine) {
                asked.append(rule.engine)
            }
        }
        return asked.map { id in
            let engine = snapshot.access.engines[Int(id)]
            return Way(
                model: model,
                step: "question to PolicyEngine \(engine.name): backend \(name(engine.backend))",
                backend: engine.backend)
        }
    }

    private func waysOut(of place: Place) -> [Way] {
        var found: [Way] = []
        switch place.rule.action {
        case .redirect, .refuse: return []
        case .forward(let targets):
            for target in targets where target.weight > 0 || target.arm >= 0 {
                switch target.destination {
                case .backend(let id):
                    found.append(Way(step: "backend \(name(id))", backend: id))
                case .model(let id): found += ways(of: snapshot.models[Int(id)])
                case .invalid: break
                }
            }
        case .modelByBody, .listModels:
            var seen: [ModelID] = []
            for named in place.listener.models where !seen.contains(named.model) {
                seen.append(named.model)
                let model = snapshot.models[Int(named.model)]
                // Lists are answered here, unless every name is passed on.
                if case .listModels = place.rule.action, named.name != [UInt8(ascii: "*")] {
                    continue
                }
                found += ways(of: model)
            }
        }
        return found
    }

    private func ways(of model: Model) -> [Way] {
        let targets = model.targets.filter { $0.weight > 0 || $0.arm >= 0 }.map { target in
            Way(model: model, step: "backend \(name(target.backend))", backend: target.backend)
        }
        let fallbacks = model.fallbacks.enumerated().map { number, target in
            Way(
                model: model,
                step: "fallback \(number) of Model \(model.resource): backend "
                    + name(target.backend), backend: target.backend)
        }
        return targets + fallbacks
    }

    private func name(_ id: BackendID) -> String { snapshot.backends[Int(id)].name }

    private static func match(_ entry: RouteEntry) -> String {
        var words: [String] = []
        if let method = entry.method { words.append(String(decoding: method, as: UTF8.self)) }
        switch entry.path {
        case .exact(let path): words.append(String(decoding: path, as: UTF8.self))
        case .prefix(let path):
            words.append(String(decoding: path, as: UTF8.self) + (path.last == 0x2F ? "*" : "/*"))
        case .pattern(let pattern): words.append("~ \(pattern.text)")
        }
        return words.joined(separator: " ")
    }

    // MARK: Labels

    /// What is taken for granted about a label.
    func label(_ number: Int) -> ResidencyProof.Label {
        let table = snapshot.residency
        let policies = table.policies.filter { $0.label == number }
        let places = policies.map { policy in
            var words: [String] = []
            for (name, values) in [
                ("regions", policy.regions), ("jurisdictions", policy.jurisdictions),
                ("providers", policy.providers),
                ("evidence of", policy.attestation?.verifiers),
            ] {
                if let values { words.append("\(name) \(values.joined(separator: ", "))") }
            }
            let text = words.isEmpty ? "anywhere" : words.joined(separator: "; ")
            return "\(text) (ResidencyPolicy \(policy.name))"
        }
        let headers = table.headers.map {
            "header \(String(decoding: $0, as: UTF8.self)), which the caller sends"
        }
        let sources = table.sources.filter { $0.label == number }
            .map { "expression \($0.program.text) (\($0.name))" }
        let classifiers = table.classifiers
            .filter { $0.labels.contains(DataLabels(number: number)) }
            .map { "\(snapshot.access.engines[Int($0.engine)].name), which is shown the text" }
        return ResidencyProof.Label(
            name: table.labels[number], places: places,
            givers: headers + sources + classifiers + policies.flatMap(\.targets))
    }
}
