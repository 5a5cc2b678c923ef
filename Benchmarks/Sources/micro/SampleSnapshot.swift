// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshPolicy
import MeshSnapshot

/// Snapshots of any size.
enum SampleSnapshot {
    /// `count` routes below prefixes of their own, one in ten also bound to a hostname.
    static func routes(_ count: Int) -> RouteTable {
        RouteTable(
            entries: (0..<count).map { i in
                RouteEntry(
                    path: .prefix(Array(path(i).utf8)), rule: RuleID(i),
                    order: RouteOrder(route: "default/route-\(i)"))
            })
    }

    /// The prefix of route `i`.
    static func path(_ i: Int) -> String { "/team-\(i % 97)/service-\(i)/v1" }

    /// A mesh with `routes` plain rules, each to one backend that has `endpoints`.
    static func plain(routes count: Int = 1, endpoints: Int = 1) -> Snapshot {
        let target = WeightedTarget(weight: 1, destination: .backend(0))
        let rules = (0..<count).map { i in
            Rule(route: "default/route-\(i)", index: 0, action: .forward([target]))
        }
        let table =
            count == 1
            ? RouteTable(entries: [RouteEntry(rule: 0, order: RouteOrder(route: "default/all"))])
            : routes(count)
        return snapshot(rules, table, endpoints: endpoints, models: [], names: [])
    }

    /// A mesh that offers one model under the name that the sample bodies ask for, among
    /// `routes` plain rules.
    static func model(routes count: Int = 1, endpoints: Int = 1) -> Snapshot {
        var rules = (0..<count).map { i in
            Rule(
                route: "default/route-\(i)", index: 0,
                action: .forward([WeightedTarget(weight: 1, destination: .backend(0))]))
        }
        var entries = count > 1 ? routes(count).entries : []
        entries.append(
            RouteEntry(
                path: .prefix(Array("/v1".utf8)), rule: RuleID(rules.count),
                order: RouteOrder(implicit: true, route: "models")))
        rules.append(
            Rule(route: "models", index: 0, action: .modelByBody, needsFacts: true))
        let model = Model(
            name: Array("mock-model".utf8), resource: "default/mock-model",
            targets: [
                ModelTarget(weight: 1, backend: 0, upstreamModel: Array("mock-model-1".utf8))
            ])
        return snapshot(
            rules, RouteTable(entries: entries), endpoints: endpoints, models: [model],
            names: [NamedModel(name: model.name, model: 0)])
    }

    /// The same mesh whose model meets three limits that never refuse, one of them counted apart
    /// by a header.
    static func limited() -> Snapshot {
        let free = model()
        let amount: Int64 = 1_000_000_000_000
        let limits: [Limit] = [
            Limit(
                policy: "default/p", name: "requests", unit: .requests, amount: amount,
                period: .seconds(60)),
            Limit(
                policy: "default/p", name: "tokens", unit: .tokens, amount: amount,
                period: .seconds(60), key: [.model, .header(Array("content-type".utf8))]),
            Limit(
                policy: "default/p", name: "cost", unit: .cost(.usd), amount: Limit.amountMax,
                period: .seconds(60)),
        ]
        var models = free.models
        models[0].limits = [0, 1, 2]
        models[0].targets[0].price = Price(
            input: 150_000, output: 600_000, cachedInput: 75_000, currency: .usd)
        return Snapshot(
            version: 1, ports: free.ports, rules: free.rules, backends: free.backends,
            endpoints: free.endpoints, models: models, usageLimits: limits, limits: free.limits,
            telemetry: free.telemetry, drainTimeout: free.drainTimeout)
    }

    /// The same mesh as `model` under two access rules that let pass: one over the head, one over
    /// head and body.
    static func guarded() throws -> Snapshot {
        let free = model()
        var layout = FactLayout()
        func rule(_ name: String, _ action: AccessRule.Action, _ text: String) throws -> AccessRule
        {
            let program = try Program.compile(text, in: Fact.environment, layout: &layout)
            return AccessRule(
                policy: "default/p", name: name, action: action, program: program, message: nil,
                layout: layout)
        }
        let policy = AccessPolicy(
            name: "default/p", targets: [], allowsByDefault: true, isAudit: false,
            rules: [
                try rule(
                    "head", .deny,
                    "'x-team' in request.headers && request.headers['x-team'] == 'blocked'"),
                try rule(
                    "body", .require,
                    "request.method == 'POST' && request.path.startsWith('/v1/') "
                        + "&& ai.model == 'mock-model'"),
            ])
        var rules = free.rules
        for index in rules.indices { rules[index].access = [0] }
        return Snapshot(
            version: 1, ports: free.ports, rules: rules, backends: free.backends,
            endpoints: free.endpoints, models: free.models,
            access: AccessTable(policies: [policy], layout: layout), limits: free.limits,
            telemetry: free.telemetry, drainTimeout: free.drainTimeout)
    }

    /// The same, every exchange recorded.
    static func recorded() -> Snapshot {
        let free = plain()
        return Snapshot(
            version: 1, ports: free.ports, rules: free.rules, backends: free.backends,
            endpoints: free.endpoints, models: free.models, limits: free.limits,
            telemetry: TelemetrySettings(recording: RecordingSettings(perSecondMax: 1 << 40)),
            drainTimeout: free.drainTimeout)
    }

    private static func snapshot(
        _ rules: [Rule], _ table: RouteTable, endpoints count: Int, models: [Model],
        names: [NamedModel]
    ) -> Snapshot {
        let endpoints = (0..<count).map { i in
            Endpoint(
                backend: 0, address: "10.\(i >> 16).\(i >> 8 & 255).\(i & 255)", port: 8000)
        }
        let backend = Backend(
            name: "default/mock", provider: "vllm", dialect: models.isEmpty ? .http : .openAI,
            endpoints: 0..<EndpointID(count))
        let listener = Listener(
            name: "default/mesh/http", hostname: nil, routes: table, models: names)
        return Snapshot(
            version: 1,
            ports: [Port(address: "127.0.0.1", number: 8080, listeners: [listener])],
            rules: rules, backends: [backend], endpoints: endpoints, models: models,
            limits: ConnectionLimits(),
            // The few exchanges of a second that are recorded allocate; the others are measured.
            telemetry: TelemetrySettings(recording: RecordingSettings(perSecondMax: 0)),
            drainTimeout: .seconds(30))
    }
}
