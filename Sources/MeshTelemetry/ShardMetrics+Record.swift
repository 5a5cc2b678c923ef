// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension ShardMetrics {
    /// Counts one finished exchange.
    ///
    /// **Shape**: `route` and `model` are numbers of this very shard. An exchange without a model
    /// passes nil. **Complexity**: constant; allocates only at the first sight of a status or
    /// error code.
    package mutating func record(
        _ record: borrowing ExchangeRecord, route: RouteSeriesID, model: ModelSeriesID?
    ) {
        let row = Int(route.number)
        let total = UInt64(max(0, record.total.rawValue))
        let statusClass = StatusClass.index(of: record.status)
        routeDurations.observe(total, at: row &* StatusClass.count &+ statusClass)
        routeBytes.add(record.bytesIn, row: row, column: 0)
        routeBytes.add(record.bytesOut, row: row, column: 1)

        var error = 0
        if let code = record.refusal { error = countRefusal(code) }
        let variant = Self.variant(status: record.status, error: error)
        let outcome = outcomes.number(of: variant, owner: row)
        if outcome >= outcomeCounts.rows { outcomeCounts.grow(to: outcome + 1) }
        outcomeCounts.add(1, row: outcome, column: 0)

        if !record.flags.isDisjoint(with: [.clientAborted, .truncated, .usageMissing]) {
            countFlags(record.flags, route: row)
        }
        if let model { recordModel(record, total: total, error: error, row: Int(model.number)) }
    }

    /// Counts one refusal that no exchange record tells of, such as that of a connection.
    /// Answers the number of its code.
    @discardableResult
    package mutating func countRefusal(_ code: StaticString) -> Int {
        let number = errors.number(of: code)
        refusals.grow(to: errors.codes.count)
        refusals.add(1, row: number, column: 0)
        return number
    }

    /// Counts how one attempt at an upstream ended.
    package mutating func countAttempt(_ result: AttemptResult, backend: BackendSeriesID) {
        attempts.add(1, row: Int(backend.number), column: Int(result.rawValue))
    }

    /// Counts a request that was sent once more.
    package mutating func countRetry(_ reason: RetryReason, backend: BackendSeriesID) {
        retries.add(1, row: Int(backend.number), column: Int(reason.rawValue))
    }

    /// Counts an endpoint taken out of the choice.
    package mutating func countEjection(_ reason: EjectionReason, backend: BackendSeriesID) {
        ejections.add(1, row: Int(backend.number), column: Int(reason.rawValue))
    }

    /// Counts a pause that a server got.
    package mutating func countCoolDown(_ reason: CoolDownReason, backend: BackendSeriesID) {
        coolDowns.add(1, row: Int(backend.number), column: Int(reason.rawValue))
    }

    /// Counts a target that was not asked.
    package mutating func countPassing(_ reason: PassingOver, backend: BackendSeriesID) {
        passings.add(1, row: Int(backend.number), column: Int(reason.rawValue))
    }

    /// Counts a circuit of an upstream model that opened.
    package mutating func countCircuit(backend: BackendSeriesID) {
        circuits.add(1, row: Int(backend.number), column: 0)
    }

    /// States how many endpoints of a backend this shard sees in `state`.
    package mutating func setEndpoints(
        _ count: Int, _ state: EndpointState, backend: BackendSeriesID
    ) {
        endpoints.set(
            UInt64(max(0, count)), row: Int(backend.number), column: Int(state.rawValue))
    }

    /// Packs a status and the number of an error code.
    static func variant(status: UInt16, error: Int) -> UInt32 {
        UInt32(status) | UInt32(truncatingIfNeeded: error) << 16
    }

    /// The same status and code where codes have other numbers.
    static func variant(_ variant: UInt32, translating errors: [Int]) -> UInt32 {
        self.variant(
            status: UInt16(truncatingIfNeeded: variant), error: errors[Int(variant >> 16)])
    }

    private mutating func countFlags(_ flags: ExchangeFlags, route: Int) {
        if flags.contains(.clientAborted) { mesh.clientAborts &+= 1 }
        if flags.contains(.usageMissing) { mesh.usageMissing &+= 1 }
        if flags.contains(.truncated) {
            truncations.add(1, row: backendOfRoute[route], column: 0)
        }
    }

    private mutating func recordModel(
        _ record: borrowing ExchangeRecord, total: UInt64, error: Int, row: Int
    ) {
        let errorType = ErrorType.variant(of: record, error: error)
        let outcome = modelOutcomes.number(of: errorType, owner: row)
        if outcome >= modelDurations.rows { modelDurations.grow(to: outcome + 1) }
        modelDurations.observe(total, at: outcome)
        countTokens(record.tokens, row: row)
        if let cost = record.cost { countCost(cost, row: row) }
        guard errorType == ErrorType.none, let first = record.firstToken, first.rawValue >= 0
        else { return }
        modelFirstTokens.observe(UInt64(first.rawValue), at: row)
        let rest = record.total - first
        if let output = record.tokens.output, output > 1, rest.rawValue >= 0 {
            modelTokenTimes.observe(UInt64(rest.rawValue) / (output &- 1), at: row)
        }
    }

    private mutating func countCost(_ cost: Cost, row: Int) {
        let number = modelCurrencies.number(of: cost.currency.code, owner: row)
        if number >= modelCosts.rows { modelCosts.grow(to: number + 1) }
        modelCosts.add(cost.trillionths, row: number, column: 0)
    }

    private mutating func countTokens(_ tokens: TokenCounts, row: Int) {
        if let input = tokens.input {
            modelTokenUsage.observe(input, at: row &* 2)
            modelTokens.add(input, row: row, column: Int(TokenType.input.rawValue))
        }
        if let output = tokens.output {
            modelTokenUsage.observe(output, at: row &* 2 &+ 1)
            modelTokens.add(output, row: row, column: Int(TokenType.output.rawValue))
        }
        if let cached = tokens.cachedInput {
            modelTokens.add(cached, row: row, column: Int(TokenType.cachedInput.rawValue))
        }
        if let reasoning = tokens.reasoningOutput {
            modelTokens.add(reasoning, row: row, column: Int(TokenType.reasoning.rawValue))
        }
    }
}

/// How the `error_type` of a generation is packed into a variant: the number of an error code,
/// or what is known without one. One shown value has one packed form.
enum ErrorType {
    static let none: UInt32 = 0
    static let truncated: UInt32 = 1
    static let unanswered: UInt32 = 2

    /// The packed error type of an exchange whose error code has the number `error`.
    static func variant(of record: borrowing ExchangeRecord, error: Int) -> UInt32 {
        if error != 0 { return ShardMetrics.variant(status: 0, error: error) }
        if record.status >= 400 { return UInt32(record.status) }
        if record.flags.contains(.truncated) { return truncated }
        return record.status == 0 ? unanswered : none
    }

    /// The shown value of a packed error type; empty for none.
    static func label(of variant: UInt32, codes: [StaticString]) -> String {
        switch variant {
        case none: ""
        case truncated: "truncated"
        case unanswered: "unanswered"
        case ..<0x1_0000: String(variant)
        default: codes[Int(variant >> 16)].description
        }
    }
}
