// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
package import MeshSnapshot
import MeshWire

/// `snapshot` as readable JSON whose text is equal for equal snapshots. Settings that are at
/// their default are left out; durations are in nanoseconds; credentials are references.
package func dump(_ snapshot: Snapshot) -> String {
    SnapshotDump(snapshot: snapshot).json.rendered
}

/// Writes a snapshot as JSON.
struct SnapshotDump {
    /// What is written.
    let snapshot: Snapshot

    /// The whole snapshot.
    var json: JSONText {
        .object(
            [
                .init("version", .number(Int(truncatingIfNeeded: snapshot.version))),
                .init("ports", .list(snapshot.ports.map(port))),
                .init("rules", .list(snapshot.rules.map(rule))),
                .init("backends", .list(snapshot.backends.map(backend))),
                .init("models", .list(snapshot.models.map(model))),
            ] + usageLimits + overloadPolicies + accessPolicies + policyEngines + residencyPolicies
                + identityProviders + rollouts + [
                    .init("limits", limits(snapshot.limits)),
                    .init("telemetry", telemetry(snapshot.telemetry)),
                    .init("drainTimeoutNanoseconds", duration(snapshot.drainTimeout)),
                ] + upgradeTimeout + retryBudget)
    }

    /// Left out when there is none.
    private var retryBudget: [JSONText.Member] {
        guard let budget = snapshot.retryBudget else { return [] }
        return [
            .init(
                "retryBudget",
                .object([
                    .init("percent", .number(budget.percent)),
                    .init("minPerSecond", .number(budget.minPerSecond)),
                ]))
        ]
    }

    /// Left out when it is the usual one.
    private var upgradeTimeout: [JSONText.Member] {
        snapshot.upgradeTimeout == .seconds(900)
            ? [] : [.init("upgradeTimeoutNanoseconds", duration(snapshot.upgradeTimeout))]
    }

    /// Left out when there are none.
    private var usageLimits: [JSONText.Member] {
        snapshot.usageLimits.isEmpty
            ? [] : [.init("usageLimits", .list(snapshot.usageLimits.map(usageLimit)))]
    }

    private func port(_ port: Port) -> JSONText {
        var members: [JSONText.Member] = [
            .init("address", .text(port.address)), .init("port", .number(Int(port.number))),
        ]
        if port.speech != .http { members.append(.init("protocol", .text(port.speech.rawValue))) }
        members.append(.init("listeners", .list(port.listeners.map(listener))))
        return .object(members)
    }

    private func listener(_ listener: Listener) -> JSONText {
        var members: [JSONText.Member] = [.init("name", .text(listener.name))]
        if let hostname = listener.hostname {
            members.append(.init("hostname", .text(hostname.text)))
        }
        if let tls = listener.tls { members.append(.init("tls", encryption(tls))) }
        members.append(.init("routes", .list(listener.routes.entries.map(entry))))
        if !listener.models.isEmpty {
            let models = listener.models.map { named in
                JSONText.object([
                    .init("name", text(named.name)),
                    .init("model", .number(Int(named.model))),
                ])
            }
            members.append(.init("models", .list(models)))
        }
        return .object(members)
    }

    /// One entry of a route table.
    func entry(_ entry: RouteEntry) -> JSONText {
        var members: [JSONText.Member] = []
        if let hostname = entry.hostname {
            members.append(.init("hostname", .text(hostname.text)))
        }
        switch entry.path {
        case .exact(let path): members.append(.init("exact", text(path)))
        case .prefix(let path): members.append(.init("prefix", text(path)))
        case .pattern(let pattern): members.append(.init("pattern", .text(pattern.text)))
        }
        if let method = entry.method { members.append(.init("method", text(method))) }
        if !entry.headers.isEmpty {
            members.append(.init("headers", .object(entry.headers.map(field))))
        }
        if !entry.query.isEmpty {
            members.append(.init("query", .object(entry.query.map(field))))
        }
        members.append(.init("rule", .number(Int(entry.rule))))
        members.append(.init("order", order(entry.order)))
        return .object(members)
    }

    private func field(_ field: FieldMatch) -> JSONText.Member {
        let name = String(decoding: field.name, as: UTF8.self)
        if SecretName.isSecret(name.lowercased()) {
            return .init(name, .text(SecretName.redacted))
        }
        return switch field.value {
        case .exact(let value): .init(name, text(value))
        case .pattern(let pattern):
            .init(name, .object([.init("pattern", .text(pattern.text))]))
        }
    }

    private func order(_ order: RouteOrder) -> JSONText {
        var members: [JSONText.Member] = []
        if order.implicit { members.append(.init("implicit", .boolean(true))) }
        if order.created != 0 { members.append(.init("created", .number(Int(order.created)))) }
        members += [
            .init("route", .text(order.route)), .init("rule", .number(order.rule)),
            .init("match", .number(order.match)),
        ]
        return .object(members)
    }

    private func model(_ model: Model) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", text(model.name)), .init("resource", .text(model.resource)),
            .init("owner", .text(model.owner)),
            .init("targets", .list(model.targets.map { target($0, isWeighted: true) })),
        ]
        if !model.fallbacks.isEmpty {
            let fallbacks = model.fallbacks.map { target($0, isWeighted: false) }
            members.append(.init("fallbacks", .list(fallbacks)))
        }
        members += limitMembers(model.timeouts, model.retry) + ids(model.limits)
        members += ids(access: model.access) + labels(model.labels)
        members += ids(identity: model.identity)
        if let policy = model.hedging { members.append(.init("hedging", hedging(policy))) }
        if let policy = model.continuation {
            members.append(
                .init(
                    "continuation",
                    .object([
                        .init("attempts", .number(policy.attempts)),
                        .init("bufferBytesMax", .number(policy.bufferBytesMax)),
                        .init("restarts", .boolean(policy.restarts)),
                    ])))
        }
        members += mirrors(model.mirrors) + comparison(model.comparison) + sticky(model.sticky)
        return .object(members)
    }

    private func capabilities(_ able: Capabilities) -> JSONText {
        var members: [JSONText.Member] = []
        if let count = able.contextTokens { members.append(.init("contextTokens", .number(count))) }
        if let count = able.outputTokens { members.append(.init("outputTokens", .number(count))) }
        for (name, value) in [
            ("tools", able.tools), ("vision", able.vision), ("jsonMode", able.jsonMode),
        ] where !value {
            members.append(.init(name, .boolean(false)))
        }
        switch able.prefill {
        case .none: break
        case .assistantMessage: members.append(.init("prefill", .text("AssistantMessage")))
        case .continueFinalMessage:
            members.append(.init("prefill", .text("ContinueFinalMessage")))
        case .prefixFlag: members.append(.init("prefill", .text("PrefixFlag")))
        }
        return .object(members)
    }

    private func target(_ target: ModelTarget, isWeighted: Bool) -> JSONText {
        var members: [JSONText.Member] = []
        if isWeighted { members.append(.init("weight", .number(target.weight))) }
        members += arm(target.arm)
        members.append(.init("backend", .text(name(of: target.backend))))
        if let model = target.upstreamModel { members.append(.init("model", text(model))) }
        if let price = target.price { members.append(.init("price", self.price(price))) }
        if target.capabilities != Capabilities() {
            members.append(.init("capabilities", capabilities(target.capabilities)))
        }
        return .object(members)
    }

    private func limits(_ limits: ConnectionLimits) -> JSONText {
        var further: [JSONText.Member] = []
        if let memory = limits.memoryBytesMax {
            further.append(.init("memoryBytesMax", .number(memory)))
        }
        if limits.waitingBytesMax != ConnectionLimits().waitingBytesMax {
            further.append(.init("waitingBytesMax", .number(limits.waitingBytesMax)))
        }
        return .object(
            [
                .init("headBytesMax", .number(limits.headBytesMax)),
                .init("fieldCountMax", .number(limits.fieldCountMax)),
                .init("bufferedBodyBytesMax", .number(limits.bufferedBodyBytesMax)),
                .init("headTimeoutNanoseconds", duration(limits.headTimeout)),
                .init("idleTimeoutNanoseconds", duration(limits.idleTimeout)),
                .init("bodyIdleTimeoutNanoseconds", duration(limits.bodyIdleTimeout)),
                .init("connectionsMax", .number(limits.connectionsMax)),
                .init("eventBytesMax", .number(limits.eventBytesMax)),
                .init("replacesForwarded", .boolean(limits.replacesForwarded)),
            ] + further)
    }

    private func telemetry(_ telemetry: TelemetrySettings) -> JSONText {
        let log: JSONText =
            switch telemetry.accessLog {
            case .off: .text("off")
            case .standardOutput: .text("stdout")
            case .file(let path): .object([.init("file", .text(path))])
            }
        let recording = telemetry.recording
        return .object([
            .init("accessLog", log), .init("logQuery", .boolean(telemetry.logQuery)),
            .init(
                "recording",
                .object([
                    .init("perSecondMax", .number(recording.perSecondMax)),
                    .init("ringMax", .number(recording.ringMax)),
                    .init("file", recording.file.map { .text($0) } ?? .null),
                    .init("fileBytesMax", .number(recording.fileBytesMax)),
                ])),
        ])
    }

    /// The name of the backend `id`.
    func name(of id: BackendID) -> String { snapshot.backends[Int(id)].name }

    /// Bytes as text.
    func text(_ bytes: [UInt8]) -> JSONText { .text(String(decoding: bytes, as: UTF8.self)) }

    /// A duration as a number of nanoseconds.
    func duration(_ value: Nanoseconds) -> JSONText {
        .number(Int(truncatingIfNeeded: value.rawValue))
    }

    /// A limit as a number of nanoseconds, or null for none.
    func limit(_ value: Nanoseconds?) -> JSONText { value.map(duration) ?? .null }
}
