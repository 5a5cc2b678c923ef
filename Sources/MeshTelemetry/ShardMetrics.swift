// SPDX-License-Identifier: Apache-2.0

/// All that one shard counts.
///
/// A shard is one event loop's own state, so these are plain integers in plain arrays: no lock,
/// no atomic, no hashing and no allocation once a label set has been seen.
///
/// ```
///   names --(once per snapshot)--> RouteSeriesID, ModelSeriesID, BackendSeriesID
///   record(exchange, ids) --> HistogramBank, CounterBank       (tens of nanoseconds)
///   scrape: copy of each shard --> merge --> PrometheusText    (off the event loop)
/// ```
///
/// The struct is a value: a scrape takes a copy, which shares storage until the shard counts on.
/// Invariant: every bank has a row for every number that its table gave out.
package struct ShardMetrics: Sendable {
    /// Counts without labels, to be added to directly.
    package var mesh = MeshCounters()

    var routes = SeriesTable(overflow: RouteLabels.other, limit: Limits.seriesPerTable)
    var models = SeriesTable(overflow: ModelLabels.other, limit: Limits.seriesPerTable)
    var backends = SeriesTable(overflow: LabelValue.other, limit: Limits.seriesPerTable)
    var limits = SeriesTable(overflow: LimitLabels.other, limit: Limits.seriesPerTable)
    var access = SeriesTable(overflow: AccessLabels.other, limit: Limits.seriesPerTable)
    var identity = SeriesTable(overflow: LabelValue.other, limit: Limits.seriesPerTable)
    var engines = SeriesTable(overflow: LabelValue.other, limit: Limits.seriesPerTable)
    var errors = ErrorCodeTable()

    /// By route: which backend row it belongs to.
    var backendOfRoute: [Int] = []
    /// By route and status class.
    var routeDurations = HistogramBank(.httpDuration)
    /// By route: bytes in, bytes out.
    var routeBytes = CounterBank(width: 2)
    /// Statuses and error codes of each route, and how often.
    var outcomes = VariantTable(limit: Limits.variantsPerTable)
    var outcomeCounts = CounterBank(width: 1)

    /// Error types of each model, and how long the requests took.
    var modelOutcomes = VariantTable(limit: Limits.variantsPerTable)
    var modelDurations = HistogramBank(.generationDuration)
    var modelFirstTokens = HistogramBank(.timeToFirstToken)
    var modelTokenTimes = HistogramBank(.timePerOutputToken)
    /// By model and direction: input, output.
    var modelTokenUsage = HistogramBank(.tokenUsage)
    /// By model and `TokenType`.
    var modelTokens = CounterBank(width: TokenType.allCases.count)

    /// Currencies of each model, and what was spent, in trillionths.
    var modelCurrencies = VariantTable(limit: Limits.variantsPerTable)
    var modelCosts = CounterBank(width: 1)

    /// By limit and `LimitCount`.
    var limitCounts = CounterBank(width: LimitCount.allCases.count)

    /// By rule and `AccessDecision`.
    var accessCounts = CounterBank(width: AccessDecision.allCases.count)

    /// By IdentityProvider and `IdentityResult`.
    var identityCounts = CounterBank(width: IdentityResult.allCases.count)
    /// By policy engine: `EngineResult`, and how long it was waited for.
    var engineResults = CounterBank(width: EngineResult.allCases.count)
    var engineDurations = HistogramBank(.engineDuration)

    /// By `HandshakeResult`, in one row.
    var handshakes = CounterBank(width: HandshakeResult.allCases.count)

    /// By backend and `AttemptResult`, `RetryReason`, `EjectionReason`, `CoolDownReason`,
    /// `PassingOver`, `EndpointState`.
    var attempts = CounterBank(width: AttemptResult.allCases.count)
    var retries = CounterBank(width: RetryReason.allCases.count)
    var ejections = CounterBank(width: EjectionReason.allCases.count)
    var coolDowns = CounterBank(width: CoolDownReason.allCases.count)
    var passings = CounterBank(width: PassingOver.allCases.count)
    var circuits = CounterBank(width: 1)
    /// By backend: `HedgeOutcome`, and tokens of prompts that were told in vain.
    var hedges = CounterBank(width: HedgeOutcome.allCases.count)
    var hedgeTokens = CounterBank(width: 1)
    var endpoints = CounterBank(width: EndpointState.allCases.count)
    var truncations = CounterBank(width: 1)
    /// By backend and `TurnstileResult`, and what its turnstile stands at: limit, inside, waiting.
    var turnstileCounts = CounterBank(width: TurnstileResult.allCases.count)
    var turnstileStates = CounterBank(width: 3)

    /// What is known of each mirror.
    var mirrors = MirrorBanks()

    /// What the arms of rollouts did.
    var arms = ArmBank()

    /// By number of the error code.
    var refusals = CounterBank(width: 1)

    /// A shard that has counted nothing.
    package init() { growBanks() }

    /// The number of a route and backend, for exchanges that got that far.
    ///
    /// Slow (it hashes): the caller keeps the answer as long as its snapshot. Backend `none` is
    /// for an exchange refused before one was chosen.
    package mutating func routeSeries(
        route: String, backend: String = LabelValue.none
    ) -> RouteSeriesID {
        let number = routes.number(of: RouteLabels(route: route, backend: backend))
        let backendNumber = number == 0 ? 0 : Int(backendSeries(backend: backend).number)
        if backendOfRoute.count < routes.count {
            backendOfRoute.append(backendNumber)
            growBanks()
        }
        return RouteSeriesID(number: Int32(number))
    }

    /// The number of an operation on a model. Slow, as `routeSeries(route:backend:)`.
    package mutating func modelSeries(
        operation: String, provider: String, requestModel: String, responseModel: String,
        backend: String
    ) -> ModelSeriesID {
        let labels = ModelLabels(
            operation: operation, provider: provider, requestModel: requestModel,
            responseModel: responseModel, backend: backend)
        let number = models.number(of: labels)
        if models.count > modelTokens.rows { growBanks() }
        return ModelSeriesID(number: Int32(number))
    }

    /// The number of a backend. Slow, as `routeSeries(route:backend:)`.
    package mutating func backendSeries(backend: String) -> BackendSeriesID {
        let number = backends.number(of: LabelValue.bounded(backend))
        if backends.count > attempts.rows { growBanks() }
        return BackendSeriesID(number: Int32(number))
    }

    /// Counts what happened at one limit; `counts` has an element for each `LimitCount`. Slow:
    /// for a scrape and not for a request.
    package mutating func countLimit(policy: String, limit: String, _ counts: [UInt64]) {
        let row = limits.number(of: LimitLabels(policy: policy, limit: limit))
        limitCounts.grow(to: limits.count)
        for (column, count) in counts.enumerated() {
            limitCounts.add(count, row: row, column: column)
        }
    }

    /// The number of a rule of an AccessPolicy, or of its default. Slow, as
    /// `routeSeries(route:backend:)`.
    package mutating func accessSeries(policy: String, rule: String) -> AccessSeriesID {
        let number = access.number(of: AccessLabels(policy: policy, rule: rule))
        accessCounts.grow(to: access.count)
        return AccessSeriesID(number: Int32(number))
    }

    /// Counts what a rule led to.
    package mutating func countAccess(_ decision: AccessDecision, _ series: AccessSeriesID) {
        accessCounts.add(1, row: Int(series.number), column: Int(decision.rawValue))
    }

    /// The number of an IdentityProvider, or of none. Slow, as `routeSeries(route:backend:)`.
    package mutating func identitySeries(
        provider: String = LabelValue.none
    ) -> IdentitySeriesID {
        let number = identity.number(of: LabelValue.bounded(provider))
        identityCounts.grow(to: identity.count)
        return IdentitySeriesID(number: Int32(number))
    }

    /// Counts what a provider found a caller to be.
    package mutating func countIdentity(_ result: IdentityResult, _ series: IdentitySeriesID) {
        identityCounts.add(1, row: Int(series.number), column: Int(result.rawValue))
    }

    /// Counts a handshake with a caller.
    package mutating func countHandshake(_ result: HandshakeResult) {
        handshakes.add(1, row: 0, column: Int(result.rawValue))
    }

    /// Makes a row in every bank for every number given out.
    mutating func growBanks() {
        if backendOfRoute.isEmpty { backendOfRoute.append(0) }
        routeDurations.grow(to: routes.count * StatusClass.count)
        routeBytes.grow(to: routes.count)
        outcomes.grow(to: routes.count)
        outcomeCounts.grow(to: outcomes.entries.count)
        modelOutcomes.grow(to: models.count)
        modelDurations.grow(to: modelOutcomes.entries.count)
        modelFirstTokens.grow(to: models.count)
        modelTokenTimes.grow(to: models.count)
        modelTokenUsage.grow(to: models.count * 2)
        modelTokens.grow(to: models.count)
        modelCurrencies.grow(to: models.count)
        modelCosts.grow(to: modelCurrencies.entries.count)
        limitCounts.grow(to: limits.count)
        accessCounts.grow(to: access.count)
        identityCounts.grow(to: identity.count)
        handshakes.grow(to: 1)
        engineResults.grow(to: engines.count)
        engineDurations.grow(to: engines.count)
        attempts.grow(to: backends.count)
        retries.grow(to: backends.count)
        ejections.grow(to: backends.count)
        coolDowns.grow(to: backends.count)
        passings.grow(to: backends.count)
        circuits.grow(to: backends.count)
        hedges.grow(to: backends.count)
        hedgeTokens.grow(to: backends.count)
        endpoints.grow(to: backends.count)
        truncations.grow(to: backends.count)
        turnstileCounts.grow(to: backends.count)
        turnstileStates.grow(to: backends.count)
        refusals.grow(to: errors.codes.count)
    }
}

/// The number of a route and backend in one `ShardMetrics`; valid as long as that lives.
package struct RouteSeriesID: Hashable, Sendable {
    let number: Int32

    /// The series that everything belongs to which no series was asked for.
    package static let other = RouteSeriesID(number: 0)
}

/// The number of an operation on a model in one `ShardMetrics`; valid as long as that lives.
package struct ModelSeriesID: Hashable, Sendable {
    let number: Int32
}

/// The number of a backend in one `ShardMetrics`; valid as long as that lives.
package struct BackendSeriesID: Hashable, Sendable {
    let number: Int32
}

/// The number of a rule of an AccessPolicy in one `ShardMetrics`; valid as long as that lives.
package struct AccessSeriesID: Hashable, Sendable {
    let number: Int32
}

/// The number of an IdentityProvider in one `ShardMetrics`; valid as long as that lives.
package struct IdentitySeriesID: Hashable, Sendable {
    let number: Int32
}

/// The first digit of a status, which is as fine as durations are split.
enum StatusClass {
    /// Classes 1 to 5, and 0 for an exchange that ended without a status.
    static let count = 6

    /// The class of `status`; statuses outside 100 to 599 have class 0.
    @inline(__always)
    static func index(of status: UInt16) -> Int {
        // 0x290 / 2^16 is a little over 1/100: exact for all numbers below 1,000.
        status < 600 ? Int((UInt32(status) &* 0x290) >> 16) : 0
    }

    /// The label value of a class.
    static func label(_ index: Int) -> String { index == 0 ? LabelValue.none : "\(index)xx" }
}
