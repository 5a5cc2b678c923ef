// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension SnapshotDump {
    /// One rule.
    func rule(_ rule: Rule) -> JSONText {
        var members: [JSONText.Member] = [
            .init("route", .text(rule.route)), .init("index", .number(rule.index)),
            action(rule.action),
        ]
        if !rule.requestEdits.isEmpty {
            members.append(.init("requestEdits", edits(rule.requestEdits)))
        }
        if !rule.responseEdits.isEmpty {
            members.append(.init("responseEdits", edits(rule.responseEdits)))
        }
        if let rewrite = rule.rewrite {
            var parts: [JSONText.Member] = []
            if let hostname = rewrite.hostname { parts.append(.init("hostname", text(hostname))) }
            if let path = rewrite.path { parts.append(modifier(path)) }
            members.append(.init("rewrite", .object(parts)))
        }
        members += mirrors(rule.mirrors) + comparison(rule.comparison)
        members += sticky(rule.sticky)
        if rule.needsFacts { members.append(.init("needsFacts", .boolean(true))) }
        members += limitMembers(rule.timeouts, rule.retry) + ids(rule.limits)
        members += ids(access: rule.access) + labels(rule.labels) + ids(identity: rule.identity)
        return .object(members)
    }

    /// What callers are told apart by who keep their target; left out when they do not.
    func sticky(_ sticky: Sticky?) -> [JSONText.Member] {
        sticky.map { [.init("sticky", .text($0.by))] } ?? []
    }

    /// Mirrors; left out when there are none.
    func mirrors(_ mirrors: [Mirror]) -> [JSONText.Member] {
        if mirrors.isEmpty { return [] }
        let all = mirrors.map { mirror in
            var members: [JSONText.Member] = [
                .init("backend", .text(name(of: mirror.backend))),
                .init("numerator", .number(mirror.numerator)),
                .init("denominator", .number(mirror.denominator)),
            ]
            if let model = mirror.upstreamModel { members.append(.init("model", text(model))) }
            if let price = mirror.price { members.append(.init("price", self.price(price))) }
            return JSONText.object(members)
        }
        return [.init("mirrors", .list(all))]
    }

    /// How answers of mirrors are compared; left out when they are not.
    func comparison(_ comparison: Comparison?) -> [JSONText.Member] {
        guard let comparison else { return [] }
        var members: [JSONText.Member] = [
            .init("percent", .number(comparison.percent)),
            .init("answerBytesMax", .number(comparison.answerBytesMax)),
            .init("concurrentMax", .number(comparison.concurrentMax)),
            .init("timeoutNanoseconds", duration(comparison.timeout)),
        ]
        if let similarity = comparison.similarity {
            members.append(
                .init(
                    "similarity",
                    .object([
                        .init("model", .text(snapshot.embedders[similarity.embedder].name)),
                        .init("percent", .number(similarity.percent)),
                        .init("perMinute", .number(similarity.perMinute)),
                    ])))
        }
        return [.init("comparison", .object(members))]
    }

    private func action(_ action: Rule.Action) -> JSONText.Member {
        switch action {
        case .forward(let targets): .init("forward", .list(targets.map(target)))
        case .redirect(let redirect): .init("redirect", self.redirect(redirect))
        case .modelByBody: .init("modelByBody", .boolean(true))
        case .listModels: .init("listModels", .boolean(true))
        case .refuse(let status): .init("refuse", .number(status))
        }
    }

    private func target(_ target: WeightedTarget) -> JSONText {
        var members: [JSONText.Member] = [.init("weight", .number(target.weight))]
        members += arm(target.arm)
        switch target.destination {
        case .backend(let id): members.append(.init("backend", .text(name(of: id))))
        case .model(let id): members.append(.init("model", .number(Int(id))))
        case .invalid: members.append(.init("invalid", .boolean(true)))
        }
        if !target.requestEdits.isEmpty {
            members.append(.init("requestEdits", edits(target.requestEdits)))
        }
        if !target.responseEdits.isEmpty {
            members.append(.init("responseEdits", edits(target.responseEdits)))
        }
        return .object(members)
    }

    private func redirect(_ redirect: Redirect) -> JSONText {
        var members: [JSONText.Member] = [.init("status", .number(redirect.status))]
        if let scheme = redirect.scheme { members.append(.init("scheme", text(scheme))) }
        if let hostname = redirect.hostname { members.append(.init("hostname", text(hostname))) }
        if let port = redirect.port { members.append(.init("port", .number(Int(port)))) }
        if let path = redirect.path { members.append(modifier(path)) }
        return .object(members)
    }

    private func modifier(_ modifier: PathModifier) -> JSONText.Member {
        switch modifier {
        case .full(let path): .init("path", text(path))
        case .prefix(let match, let replacement):
            .init(
                "prefix",
                .object([.init("match", text(match)), .init("with", text(replacement))]))
        }
    }

    private func edits(_ edits: [HeaderEdit]) -> JSONText {
        .list(
            edits.map { edit in
                switch edit {
                case .set(let name, let value):
                    .object([.init("set", text(name)), .init("value", shown(value, of: name))])
                case .add(let name, let value):
                    .object([.init("add", text(name)), .init("value", shown(value, of: name))])
                case .remove(let name): .object([.init("remove", text(name))])
                }
            })
    }

    /// The value of a header, unless its name says that it is a secret.
    private func shown(_ value: [UInt8], of name: [UInt8]) -> JSONText {
        SecretName.isSecret(String(decoding: name, as: UTF8.self))
            ? .text(SecretName.redacted) : text(value)
    }

    /// Time limits and retries, as far as they are not at their defaults.
    func limitMembers(_ timeouts: Timeouts, _ retry: RetryPolicy) -> [JSONText.Member] {
        let usual = Timeouts()
        var members: [JSONText.Member] = []
        var limits: [JSONText.Member] = []
        if timeouts.connect != usual.connect {
            limits.append(.init("connect", duration(timeouts.connect)))
        }
        for (name, value, fallback) in [
            ("request", timeouts.request, usual.request),
            ("backendRequest", timeouts.backendRequest, usual.backendRequest),
            ("firstByte", timeouts.firstByte, usual.firstByte),
            ("streamIdle", timeouts.streamIdle, usual.streamIdle),
        ] where value != fallback {
            limits.append(.init(name, limit(value)))
        }
        if !limits.isEmpty { members.append(.init("timeoutsNanoseconds", .object(limits))) }
        if retry != RetryPolicy() { members.append(.init("retry", self.retry(retry))) }
        return members
    }

    /// When another endpoint is asked beside a slow one.
    func hedging(_ policy: HedgePolicy) -> JSONText {
        var members: [JSONText.Member] = []
        if let delay = policy.delay {
            members.append(.init("delayNanoseconds", duration(delay)))
        }
        if let percentile = policy.percentile {
            members.append(.init("percentile", .number(percentile)))
        }
        members += [
            .init("delayMinNanoseconds", duration(policy.delayMin)),
            .init("budgetPercent", .number(policy.budgetPercent)),
            .init("inputTokensMax", .number(policy.inputTokensMax)),
            .init("usesFallbacks", .boolean(policy.usesFallbacks)),
        ]
        return .object(members)
    }

    private func retry(_ retry: RetryPolicy) -> JSONText {
        .object([
            .init("attempts", .number(retry.attempts)),
            .init("attemptsInAll", .number(retry.attemptsInAll)),
            .init("onConnectFailure", .boolean(retry.onConnectFailure)),
            .init("onReset", .boolean(retry.onReset)),
            .init("onTimeout", .boolean(retry.onTimeout)),
            .init("onInvalidAnswer", .boolean(retry.onInvalidAnswer)),
            .init("statuses", .list(retry.statuses.map { .number($0) })),
            .init("backoffBaseNanoseconds", duration(retry.backoffBase)),
            .init("backoffMaxNanoseconds", duration(retry.backoffMax)),
            .init("budgetPercent", .number(retry.budgetPercent)),
            .init("budgetMinPerSecond", .number(retry.budgetMinPerSecond)),
        ])
    }
}
