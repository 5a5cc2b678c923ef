// SPDX-License-Identifier: Apache-2.0

import MeshModel
import MeshPolicy
import MeshSnapshot

extension SnapshotDump {
    /// Left out when there are none.
    var accessPolicies: [JSONText.Member] {
        let policies = snapshot.access.policies
        return policies.isEmpty ? [] : [.init("accessPolicies", .list(policies.map(policy)))]
    }

    /// Left out when there are none.
    var policyEngines: [JSONText.Member] {
        let engines = snapshot.access.engines
        return engines.isEmpty ? [] : [.init("policyEngines", .list(engines.map(engine)))]
    }

    private func engine(_ engine: PolicyEngine) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", .text(engine.name)), .init("protocol", .text(engine.speech.label)),
        ]
        switch engine.speech {
        case .extAuthzGRPC: break
        case .extAuthzHTTP(let prefix): members.append(.init("pathPrefix", text(prefix)))
        case .opa(let path), .classifier(let path):
            members.append(.init("path", text(path)))
        }
        members += [
            .init("backend", .text(snapshot.backends[Int(engine.backend)].name)),
            .init("stage", .text(engine.stage.label)),
            .init("timeoutNanoseconds", duration(engine.timeout)),
            .init("onFailure", .text(engine.allowsOnFailure ? "allow" : "deny")),
            .init("statusOnFailure", .number(engine.statusOnFailure)),
            .init("facts", .list(engine.facts.map { .text($0.fact.name) })),
        ]
        switch engine.headers {
        case .all: members.append(.init("headers", .list([.text("*")])))
        case .some(let names): members.append(.init("headers", .list(names.map(text))))
        }
        if !engine.upstreamHeaders.isEmpty {
            members.append(.init("upstreamHeaders", .list(engine.upstreamHeaders.map(text))))
        }
        if let cache = engine.cache {
            let settings: [JSONText.Member] = [
                .init("lifetimeNanoseconds", duration(cache.lifetime)),
                .init("entries", .number(cache.entriesMax)),
                .init("key", .list(cache.key.map { .text($0.text) })),
            ]
            members.append(.init("cache", .object(settings)))
        }
        return .object(members)
    }

    /// The policies that something must meet, unless there are none.
    func ids(access: [AccessID]) -> [JSONText.Member] {
        access.isEmpty ? [] : [.init("access", .list(access.map { .number(Int($0)) }))]
    }

    private func policy(_ policy: AccessPolicy) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", .text(policy.name)),
            .init("targets", .list(policy.targets.map { .text($0) })),
            .init("default", .text(policy.allowsByDefault ? "allow" : "deny")),
        ]
        if policy.isAudit { members.append(.init("audit", .boolean(true))) }
        let rules = policy.rules.map { rule in
            var members: [JSONText.Member] = [
                .init("name", .text(rule.name)), .init("action", .text(rule.action.label)),
                .init("stage", .text(rule.stage.label)), .init("when", .text(rule.program.text)),
            ]
            if rule.engine >= 0 {
                let engine = snapshot.access.engines[Int(rule.engine)]
                members.append(.init("engine", .text(engine.name)))
            }
            if let message = rule.message { members.append(.init("message", .text(message))) }
            return JSONText.object(members)
        }
        members.append(.init("rules", .list(rules)))
        return .object(members)
    }
}
