// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshControl
import MeshIdentity
import MeshPolicy
import MeshSnapshot
import MeshWire

/// The tables of `pinion get`, made from the snapshot in use.
enum Listings {
    /// The rows of `kind`, or nil when they do not come from the snapshot.
    static func rows(_ kind: String, _ snapshot: Snapshot) -> [[(String, Cell)]]? {
        switch kind {
        case "listeners": listeners(snapshot)
        case "routes": routes(snapshot)
        case "models": models(snapshot)
        case "backends": backends(snapshot)
        case "access": access(snapshot)
        case "residency": residency(snapshot)
        case "engines": engines(snapshot)
        default: nil
        }
    }

    /// Every rule of every AccessPolicy in the order in which it is asked, and behind them what
    /// holds when none decides.
    private static func access(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        snapshot.access.policies.flatMap { policy in
            let mode = policy.isAudit ? "audit" : "enforce"
            let targets = policy.targets.joined(separator: ", ")
            let rules = policy.rules.map { rule in
                [
                    ("policy", Cell.text(policy.name)), ("rule", .text(rule.name)),
                    ("action", .text(rule.action.label)), ("mode", .text(mode)),
                    ("stage", .text(rule.stage.label)), ("targets", .text(targets)),
                    ("when", .text(rule.program.text)),
                    (
                        "engine",
                        .text(
                            rule.engine >= 0
                                ? snapshot.access.engines[Int(rule.engine)].name : "")
                    ),
                ]
            }
            return rules + [
                [
                    ("policy", .text(policy.name)), ("rule", .text("default")),
                    ("action", .text(policy.allowsByDefault ? "allow" : "deny")),
                    ("mode", .text(mode)), ("stage", .text(policy.settledAt.label)),
                    ("targets", .text(targets)), ("when", .text("")), ("engine", .text("")),
                ]
            ]
        }
    }

    private static func engines(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        snapshot.access.engines.map { engine in
            let kept = engine.cache.map { "\(seconds($0.lifetime)), \($0.entriesMax) entries" }
            return [
                ("engine", .text(engine.name)), ("protocol", .text(engine.speech.label)),
                ("backend", .text(snapshot.backends[Int(engine.backend)].name)),
                ("stage", .text(engine.stage.label)), ("timeout", .text(seconds(engine.timeout))),
                ("on_failure", .text(engine.allowsOnFailure ? "allow" : "deny")),
                ("cache", .text(kept ?? "none")),
                ("facts", .text(engine.facts.map(\.fact.name).joined(separator: ", "))),
            ]
        }
    }

    /// The row of one IdentityProvider, with how what it needs to know stands.
    static func identity(
        _ provider: IdentityProvider, _ state: IdentityKeeper.Status?, at now: Instant
    ) -> [(String, Cell)] {
        let (kind, source): (String, String) =
            switch provider.method {
            case .tokens(let policy, _): ("jwt", policy.issuer)
            case .apiKeys(let file): ("apiKeys", URL(filePath: file).standardized.path)
            case .certificates: ("clientCertificate", "TLS")
            }
        let age = state?.freshAt.map { "\(Int((now - $0).seconds))s" }
        return [
            ("provider", .text(provider.name)), ("kind", .text(kind)), ("source", .text(source)),
            ("targets", .text(provider.targets.joined(separator: ", "))),
            ("optional", .text(provider.isOptional ? "yes" : "no")),
            ("keys", .number(state?.count ?? 0)), ("age", .text(age ?? "")),
            ("problem", .text(state?.problem ?? "")),
        ]
    }

    private static func listeners(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        snapshot.ports.flatMap { port in
            port.listeners.map { listener in
                [
                    ("name", .text(listener.name)), ("address", .text(port.address)),
                    ("port", .number(Int(port.number))),
                    ("protocol", .text(port.speech.rawValue)),
                    ("hostname", .text(listener.hostname?.text ?? "*")),
                    ("matches", .number(listener.routes.entries.count)),
                    ("models", .number(listener.models.count)),
                ]
            }
        }
    }

    private static func routes(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        snapshot.ports.flatMap(\.listeners).flatMap { listener in
            listener.routes.entries.map { entry in
                let rule = snapshot.rules[Int(entry.rule)]
                return [
                    ("route", .text(rule.route)), ("rule", .number(rule.index)),
                    ("listener", .text(listener.name)),
                    ("hostname", .text(entry.hostname?.text ?? "*")),
                    ("match", .text(match(entry))), ("action", .text(action(rule, snapshot))),
                ]
            }
        }
    }

    private static func match(_ entry: RouteEntry) -> String {
        var parts: [String] = []
        if let method = entry.method { parts.append(String(decoding: method, as: UTF8.self)) }
        switch entry.path {
        case .exact(let path): parts.append("= " + String(decoding: path, as: UTF8.self))
        case .prefix(let path):
            parts.append(path.isEmpty ? "/*" : String(decoding: path, as: UTF8.self) + "/*")
        case .pattern(let pattern): parts.append("~ " + pattern.text)
        }
        for header in entry.headers {
            parts.append(String(decoding: header.name, as: UTF8.self) + "=" + value(header))
        }
        for query in entry.query {
            parts.append("?" + String(decoding: query.name, as: UTF8.self) + "=" + value(query))
        }
        return parts.joined(separator: " ")
    }

    private static func value(_ field: FieldMatch) -> String {
        if SecretName.isSecret(String(decoding: field.name, as: UTF8.self).lowercased()) {
            return SecretName.redacted
        }
        return switch field.value {
        case .exact(let value): String(decoding: value, as: UTF8.self)
        case .pattern(let pattern): "~" + pattern.text
        }
    }

    private static func action(_ rule: Rule, _ snapshot: Snapshot) -> String {
        switch rule.action {
        case .forward(let targets):
            targets.map { target in
                let name =
                    switch target.destination {
                    case .backend(let id): snapshot.backends[Int(id)].name
                    case .model(let id): "model " + snapshot.models[Int(id)].resource
                    case .invalid: "(unresolved)"
                    }
                return targets.count == 1 ? name : "\(name) (\(target.weight))"
            }.joined(separator: ", ")
        case .redirect(let redirect): "redirect \(redirect.status)"
        case .modelByBody: "model of the body"
        case .listModels: "list of models"
        case .refuse(let status): "refuse \(status)"
        }
    }

    private static func models(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        snapshot.models.map { model in
            [
                ("model", .text(String(decoding: model.name, as: UTF8.self))),
                ("resource", .text(model.resource)),
                ("targets", .text(targets(model.targets, snapshot, weighted: true))),
                ("fallbacks", .text(targets(model.fallbacks, snapshot, weighted: false))),
                ("price_per_million", .text(price(model.targets.first?.price))),
            ]
        }
    }

    /// The row of one limit: `left` of it when nothing is counted apart, else how many keys are.
    static func limit(_ limit: Limit, left: Int64, keys: Int) -> [(String, Cell)] {
        let parts = limit.key.map { part in
            switch part {
            case .source: "source"
            case .model: "model"
            case .identity: "identity"
            case .header(let name): "header:" + String(decoding: name, as: UTF8.self)
            }
        }
        return [
            ("policy", .text(limit.policy)), ("limit", .text(limit.name)),
            ("amount", .text(amount(limit.amount, limit.unit))),
            ("per", .text(seconds(limit.period))),
            ("burst", .text(amount(limit.burst, limit.unit))),
            ("key", .text(parts.isEmpty ? "global" : parts.joined(separator: ","))),
            ("mode", .text(limit.isAudit ? "audit" : "enforce")),
            ("left", .text(parts.isEmpty ? amount(left, limit.unit) : "")),
            ("keys", .number(keys)),
        ]
    }

    private static func amount(_ amount: Int64, _ unit: Limit.Unit) -> String {
        switch unit {
        case .requests: return "\(amount) requests"
        case .tokens: return "\(amount) tokens"
        case .cost(let currency):
            var text: [UInt8] = amount < 0 ? [UInt8(ascii: "-")] : []
            text.append(trillionths: amount.magnitude)
            return String(decoding: text, as: UTF8.self) + " " + currency.text
        }
    }

    private static func seconds(_ length: Nanoseconds) -> String {
        let milliseconds = length.rawValue / 1_000_000
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }

    /// A price for a million tokens, those read and those written.
    private static func price(_ price: Price?) -> String {
        guard let price else { return "" }
        // Trillionths for one token are millionths for a million.
        func text(_ amount: Int64) -> String {
            var text: [UInt8] = []
            text.append(trillionths: UInt64(amount) * 1_000_000)
            return String(decoding: text, as: UTF8.self)
        }
        return "\(text(price.input))/\(text(price.output)) \(price.currency.text)"
    }

    private static func targets(
        _ targets: [ModelTarget], _ snapshot: Snapshot, weighted: Bool
    ) -> String {
        targets.map { target in
            let upstream = target.upstreamModel.map { String(decoding: $0, as: UTF8.self) }
            let backend = snapshot.backends[Int(target.backend)].name
            let name = backend + (upstream.map { "/" + $0 } ?? "")
            return weighted && targets.count > 1 ? "\(name) (\(target.weight))" : name
        }.joined(separator: ", ")
    }

    private static func backends(_ snapshot: Snapshot) -> [[(String, Cell)]] {
        snapshot.backends.map { backend in
            [
                ("backend", .text(backend.name)),
                ("dialect", .text(backend.dialect == .openAI ? "OpenAI" : "HTTP")),
                ("provider", .text(backend.provider)),
                ("endpoints", .number(backend.endpoints.count)),
                ("balancing", .text(balancing(backend.balancing))),
                ("tls", .text(backend.tls.map { $0.serverName } ?? "")),
            ]
        }
    }

    private static func balancing(_ balancing: Balancing) -> String {
        switch balancing {
        case .peakEWMA: "PeakEWMA"
        case .leastRequest: "LeastRequest"
        case .roundRobin: "RoundRobin"
        case .ringHash(let header): "RingHash(\(String(decoding: header, as: UTF8.self)))"
        }
    }
}
