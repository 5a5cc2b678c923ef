// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension SnapshotDump {
    /// One limit of a LimitPolicy.
    func usageLimit(_ limit: Limit) -> JSONText {
        var members: [JSONText.Member] = [
            .init("policy", .text(limit.policy)), .init("name", .text(limit.name)),
        ]
        switch limit.unit {
        case .requests: members.append(.init("unit", .text("requests")))
        case .tokens: members.append(.init("unit", .text("tokens")))
        case .cost(let currency):
            members.append(.init("unit", .text("trillionths of \(currency.text)")))
        }
        members += [
            .init("amount", .number(Int(limit.amount))),
            .init("burst", .number(Int(limit.burst))),
            .init("periodNanoseconds", duration(limit.period)),
        ]
        if !limit.key.isEmpty {
            let parts = limit.key.map { part in
                switch part {
                case .source: JSONText.text("source")
                case .identity: JSONText.text("identity")
                case .model: JSONText.text("model")
                case .header(let name):
                    JSONText.text("header:" + String(decoding: name, as: UTF8.self))
                }
            }
            members.append(.init("key", .list(parts)))
            members.append(.init("keysMax", .number(limit.keysMax)))
        }
        if limit.isAudit { members.append(.init("audit", .boolean(true))) }
        return .object(members)
    }

    /// The limits that something must meet, unless there are none.
    func ids(_ limits: [LimitID]) -> [JSONText.Member] {
        limits.isEmpty ? [] : [.init("usageLimits", .list(limits.map { .number(Int($0)) }))]
    }

    /// What a token costs, in trillionths.
    func price(_ price: Price) -> JSONText {
        .object([
            .init("input", .number(Int(price.input))),
            .init("output", .number(Int(price.output))),
            .init("cachedInput", .number(Int(price.cachedInput))),
            .init("currency", .text(price.currency.text)),
        ])
    }
}
