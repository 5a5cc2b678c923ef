// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshLimits
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension Exchange {
    /// Asks every limit that applies to the request, those of its Gateway and route and those of
    /// its model, and takes from all of them or from none. Answers a refusal, or nil when the
    /// request may go on.
    ///
    /// It is asked once, when the model is known and before an endpoint is chosen: a request that
    /// is refused for any reason before that is not counted, and retries and fallbacks are not
    /// counted again.
    mutating func admit(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step? {
        if snapshot.rules[Int(rule)].limits.isEmpty,
            model < 0 || snapshot.models[Int(model)].limits.isEmpty
        {
            return nil
        }
        let ofRule = snapshot.rules[Int(rule)].limits
        let ofModel = model >= 0 ? snapshot.models[Int(model)].limits : []
        shard.ledger.begin()
        for id in ofRule { ask(id, head, bytes, shard: &shard, at: now) }
        for id in ofModel where !ofRule.contains(id) {
            ask(id, head, bytes, shard: &shard, at: now)
        }
        let admission = shard.ledger.decide(at: now)
        sayAdmission(admission, shard)
        if let audited = shard.ledger.lastAudit {
            record.flags.insert(.limitAudited)
            record.limit = shard.snapshot.usageLimits[Int(audited)].label
        }
        switch admission {
        case .admitted(let taken):
            reservation = taken
            return nil
        case .denied(let denial):
            let limit = shard.snapshot.usageLimits[Int(denial.limit)]
            record.limit = limit.label
            record.flags.remove(.limitAudited)
            let quota = shard.ledger.lastQuota
            return refuse(
                Refusal(denial, by: limit), quota: quota, shard: &shard, at: now)
        }
    }

    /// Puts on the tape what the limits said.
    private func sayAdmission(_ admission: Admission, _ shard: borrowing Shard) {
        guard let tape else { return }
        if let audited = shard.ledger.lastAudit {
            let label = shard.snapshot.usageLimits[Int(audited)].label
            tape.say(.admit, "limit \(label) would refuse it, and only counts")
        }
        switch admission {
        case .admitted: tape.say(.admit, "the limits let it in")
        case .denied(let denial):
            let label = shard.snapshot.usageLimits[Int(denial.limit)].label
            tape.say(
                .admit,
                "limit \(label) refuses it: \(denial.needed) needed, \(denial.left) left, "
                    + "fits in \(denial.wait.milliseconds)")
        }
    }

    /// Settles what was taken, once: with what was used where the request reached an endpoint,
    /// else by giving everything back.
    mutating func settleLimits(shard: inout Shard, at now: Instant) {
        guard let taken = reservation else { return }
        reservation = nil
        guard wasAsked else { return shard.ledger.release(taken, at: now) }
        let tokens = record.tokens
        if tokens.input != nil || tokens.output != nil {
            let (sum, isOver) = (tokens.input ?? 0).addingReportingOverflow(tokens.output ?? 0)
            shard.ledger.settle(
                taken, Settlement(tokens: isOver ? .max : sum, cost: record.cost?.trillionths),
                at: now)
        } else if answeredHead, record.status >= 400, record.refusal == nil {
            // The endpoint itself said no: it wrote nothing, and providers charge nothing.
            shard.ledger.settle(taken, Settlement(tokens: 0, cost: 0), at: now)
        } else {
            shard.ledger.settle(taken, Settlement(tokens: nil, cost: nil), at: now)
        }
    }

    /// What `tokens` cost at the present target; nil when it has no price.
    func cost(of tokens: TokenCounts) -> Cost? {
        guard let price, tokens.input != nil || tokens.output != nil else { return nil }
        let sum = price.cost(
            input: tokens.input ?? 0, output: tokens.output ?? 0,
            cachedInput: tokens.cachedInput ?? 0)
        return Cost(trillionths: UInt64(sum), currency: price.currency)
    }

    /// The price of the present target.
    private var price: Price? {
        guard model >= 0, backend >= 0 else { return nil }
        return modelTarget >= 0
            ? snapshot.models[Int(model)].targets[modelTarget].price
            : snapshot.models[Int(model)].fallbacks[-1 - modelTarget].price
    }

    private mutating func ask(
        _ id: LimitID, _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard,
        at now: Instant
    ) {
        let limits = snapshot.usageLimits
        let number = Int(id)
        // What needs a model is attached to a Gateway that also has requests without one.
        if limits[number].needsModel, model < 0 { return }
        var known = id
        if snapshot !== shard.snapshot {
            // A limit that the present snapshot has no more holds nobody back.
            guard let found = shard.ledger.number(of: limits[number]) else { return }
            known = found
        }
        for part in limits[number].key {
            switch part {
            case .source: shard.ledger.appendKey(unsafe peer.span.bytes)
            case .model: appendModel(to: &shard.ledger)
            case .identity: appendIdentity(to: &shard.ledger)
            case .header(let name):
                let name = unsafe name.span.bytes
                var value = ByteRange.empty
                for field in head.fields
                where bytes.extracting(field.nameRange.range).equalsIgnoringCase(name) {
                    value = field.valueRange
                    break
                }
                shard.ledger.appendKey(bytes.extracting(value.range))
            }
        }
        let amount: Int64 =
            switch limits[number].unit {
            case .requests: 1
            case .tokens: Int64(clamping: tokensEstimate)
            case .cost:
                price?.cost(
                    input: inputEstimate, output: outputEstimate, cachedInput: 0) ?? 0
            }
        if let tape { tape.look(at: &shard.ledger, limit: known, for: amount, at: now) }
        shard.ledger.ask(known, for: amount, at: now)
    }

    /// Two providers may know two callers by one name.
    private func appendIdentity(to ledger: inout Ledger) {
        let name = caller == nil ? "" : snapshot.identity[Int(callerProvider)].name
        ledger.appendKey(name)
        ledger.appendKey(caller?.subject ?? "")
    }

    /// A model of a fixed name is known by it; of one that takes every name the caller's counts.
    private func appendModel(to ledger: inout Ledger) {
        let models = snapshot.models
        if models[Int(model)].isWildcard, let name = record.model {
            ledger.appendKey(name)
        } else {
            let name = models[Int(model)].name
            unsafe ledger.appendKey(name.span.bytes)
        }
    }

    /// Tokens that are reserved for the request.
    var tokensEstimate: UInt64 { inputEstimate &+ outputEstimate }

    /// Tokens that the request probably has: four bytes each, in English and in JSON.
    private var inputEstimate: UInt64 {
        guard operation.hasUsage, let facts else { return 0 }
        return (UInt64(facts.inputBytes) + 3) / 4
    }

    /// Tokens that the answer may have: the most that the caller allows, for each answer that it
    /// asks for.
    private var outputEstimate: UInt64 {
        guard operation.writes, let facts else { return 0 }
        let each = UInt64(clamping: facts.maxTokensCeiling ?? Self.outputTokensUsual)
        let count = UInt64(clamping: max(1, facts.n ?? 1, facts.bestOf ?? 1))
        let (product, isOver) = each.multipliedReportingOverflow(by: count)
        // Half of the range, so that the sum with the input stays within it.
        return isOver ? .max / 2 : min(product, .max / 2)
    }

    /// Tokens that are reserved for an answer whose request sets no bound.
    private static var outputTokensUsual: Int { 512 }
}

extension Operation {
    /// Whether answers hold tokens that the model wrote.
    fileprivate var writes: Bool {
        switch self {
        case .chat, .textCompletion, .responses: true
        case .none, .embeddings, .rerank, .tokenize, .models: false
        }
    }
}

extension Refusal {
    /// The refusal of a request that `limit` does not let in now.
    fileprivate init(_ denial: Denial, by limit: Limit) {
        let code: Code
        let field: String
        let remedy: String
        switch limit.unit {
        case .requests: (code, field, remedy) = (.requestLimit, "requests", "")
        case .tokens: (code, field, remedy) = (.tokenLimit, "tokens", ", lower max_tokens")
        case .cost: (code, field, remedy) = (.costLimit, "cost", ", use a cheaper model")
        }
        let whole = limit.amountText(limit.amount)
        let left = limit.amountText(max(0, denial.left))
        let needed = limit.amountText(denial.needed)
        let wait = Self.text(denial.wait)
        self.init(
            code,
            message: "limit \(limit.name) of LimitPolicy \(limit.policy) allows \(whole) per "
                + "\(Self.text(limit.period)): this request needs \(needed) and \(left) are left; "
                + "it fits in \(wait), and the limit is unused again in "
                + "\(Self.text(denial.untilFull)). Wait\(remedy), or raise `\(field)` of the limit",
            retryAfter: denial.wait)
    }

    private static func text(_ length: Nanoseconds) -> String {
        var text: [UInt8] = []
        text.append(duration: length)
        return String(decoding: text, as: UTF8.self)
    }
}

extension Limit {
    /// `amount` with the unit of the limit: `3 requests`, `0.5 USD`.
    func amountText(_ amount: Int64) -> String {
        switch unit {
        case .requests: return amount == 1 ? "1 request" : "\(amount) requests"
        case .tokens: return amount == 1 ? "1 token" : "\(amount) tokens"
        case .cost(let currency):
            var text: [UInt8] = []
            text.append(trillionths: UInt64(max(0, amount)))
            return String(decoding: text, as: UTF8.self) + " " + currency.text
        }
    }
}
