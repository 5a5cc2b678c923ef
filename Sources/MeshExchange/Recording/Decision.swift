// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Where a request went or why it did not: what two configurations are compared by.
package struct Decision: Codable, Hashable, Sendable {
    /// The route, or nil when none took it.
    package var route: String?
    /// The logical model, or nil.
    package var model: String?
    /// What the model was asked for as upstream, or nil.
    package var upstreamModel: String?
    /// The backend that the first attempt went to, or nil.
    package var backend: String?
    /// The code of the refusal, or nil.
    package var refusal: String?
    /// The status of an answer of the mesh's own, or nil.
    package var status: Int?
    /// What the tokens of the answer would cost, `0.0012 USD`; nil where nothing has a price.
    package var cost: String?

    init(_ exchange: borrowing Exchange, usage: TokenUsage?) {
        let snapshot = exchange.snapshot
        if let found = exchange.currentRule {
            route = found.route
        }
        if exchange.model >= 0 {
            model = snapshot.models[Int(exchange.model)].resource
            upstreamModel = exchange.upstreamModel.map { String(decoding: $0, as: UTF8.self) }
        }
        if let pick = exchange.pick {
            let chosen = snapshot.endpoints[Int(pick.endpoint)].backend
            backend = snapshot.backends[Int(chosen)].name
        }
        if let usage {
            let tokens = TokenCounts(
                input: usage.input, output: usage.output, cachedInput: usage.cachedInput)
            if let sum = exchange.cost(of: tokens) {
                var text: [UInt8] = []
                text.append(trillionths: sum.trillionths)
                cost = "\(String(decoding: text, as: UTF8.self)) \(sum.currency.text)"
            }
        }
        guard exchange.phase == .done else { return }
        refusal = exchange.record.refusal.map { "\($0)" }
        status = Int(exchange.record.status)
        if refusal != nil, exchange.pick == nil { upstreamModel = nil }
    }

    /// The decision in a few words.
    package var text: String {
        if let refusal { return "refused with \(refusal) (\(status ?? 0))" }
        if let backend {
            let asked = upstreamModel.map { " as model \($0)" } ?? ""
            let price = cost.map { " for \($0)" } ?? ""
            return "sent to \(backend)\(asked) by route \(route ?? "none")\(price)"
        }
        if let status { return "answered with \(status) by route \(route ?? "none")" }
        return "undecided"
    }
}
