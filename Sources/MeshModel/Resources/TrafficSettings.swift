// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Settings of traffic as they were written: some of them, each with its place. What they mean
/// together, after all that apply were merged, is the compiler's business.
package struct TrafficSettings: Hashable, Sendable {
    /// The settings that are there, in the order of `TrafficField.allCases`.
    package private(set) var entries: [Entry] = []

    /// One setting.
    package struct Entry: Hashable, Sendable {
        /// Which one.
        package var field: TrafficField
        /// What it says.
        package var value: TrafficValue
        /// Where it is written.
        package var place: Place
    }

    /// No settings.
    package init() {}

    init(_ cursor: Cursor?) {
        guard let cursor else { return }
        for field in TrafficField.allCases {
            guard let value = field.value(in: cursor) else { continue }
            entries.append(Entry(field: field, value: value.value, place: value.place))
        }
    }

    /// These settings with those of `other` in their place, where it has any.
    package func overlaid(with other: TrafficSettings) -> TrafficSettings {
        var merged = TrafficSettings()
        for field in TrafficField.allCases {
            guard let entry = other[field] ?? self[field] else { continue }
            merged.entries.append(entry)
        }
        return merged
    }

    /// What `field` says, or nil when it is not there.
    package subscript(field: TrafficField) -> Entry? {
        entries.first { $0.field == field }
    }
}

/// The value of a setting.
package enum TrafficValue: Hashable, Sendable {
    /// A duration.
    case duration(Nanoseconds)
    /// A number.
    case number(Int)
    /// Yes or no.
    case boolean(Bool)
    /// Several numbers.
    case numbers([Int])
    /// Text.
    case text(String)
    /// Several texts.
    case texts([String])
    /// An expression.
    case expression(EmbeddedText)
}

/// One of the settings of traffic; the raw value is its path.
package enum TrafficField: String, Hashable, Sendable, CaseIterable {
    /// Time to connect to an endpoint, TLS included; above zero.
    case connect = "timeouts.connect"
    /// Time for the whole exchange, all attempts included; zero for no limit.
    case request = "timeouts.request"
    /// Time for one attempt; zero for no limit, and not longer than `request`.
    case backendRequest = "timeouts.backendRequest"
    /// Time from a request sent until its answer begins; zero for no limit.
    case firstByte = "timeouts.firstByte"
    /// Time between two pieces of an answer's body; zero for no limit.
    case streamIdle = "timeouts.streamIdle"
    /// The most attempts on one target, the first one included; 1 for no retries.
    case attempts = "retry.attempts"
    /// The most attempts on all targets of a Model together, until an answer begins.
    case attemptsInAll = "retry.attemptsInAll"
    /// The failures that are tried elsewhere: `connect-failure`, `reset`, `timeout`,
    /// `invalid-answer`.
    case retryOn = "retry.on"
    /// The statuses that are tried elsewhere, each of 400 to 599.
    case retryStatuses = "retry.statuses"
    /// The first pause before a retry, which doubles with every further one; not longer than
    /// `backoffMax`.
    case backoffBase = "retry.backoff.base"
    /// The longest pause, and the longest `Retry-After` that is waited for; above zero.
    case backoffMax = "retry.backoff.max"
    /// The retries that a backend may receive, in percent of its requests over the last ten
    /// seconds, beyond those of `budgetMinPerSecond`.
    case budgetPercent = "retry.budget.percent"
    /// The retries each second that a backend may receive however few its requests are.
    case budgetMinPerSecond = "retry.budget.minPerSecond"
    /// How often one answer may go on at another endpoint; 0 for never.
    case continuationAttempts = "continuation.attempts"
    /// Bytes of what was said that are kept for it.
    case continuationBuffer = "continuation.bufferBytes"
    /// Whether a model that cannot be told what was said may answer from the beginning.
    case continuationRestart = "continuation.restart"
    /// What callers are told apart by, each of whom keeps its target of several.
    case stickyBy = "sticky.by"
    /// The share of copies, in percent, whose answers are compared with those of callers; 0 for
    /// none.
    case comparisonPercent = "comparison.percent"
    /// Bytes of each of those answers that are read.
    case comparisonBytes = "comparison.answerBytes"
    /// Copies of one mirror that may be on their way at once.
    case comparisonConcurrent = "comparison.concurrent"
    /// Time for the whole answer of a mirror; above zero.
    case comparisonTimeout = "comparison.timeout"
    /// The Model that says how much two texts mean the same.
    case similarityModel = "comparison.similarity.model"
    /// The share of pairs, in percent, that it is asked about.
    case similarityPercent = "comparison.similarity.percent"
    /// The most questions a minute.
    case similarityPerMinute = "comparison.similarity.perMinute"
    /// How an endpoint is chosen: `PeakEWMA`, `LeastRequest`, `RoundRobin` or `RingHash`.
    case balancing = "balancing.type"
    /// The header whose value `RingHash` keeps on one endpoint; for nothing else.
    case balancingHeader = "balancing.header"
    /// The path that probes ask with GET; without it there are no probes.
    case healthPath = "healthCheck.path"
    /// Time from one probe to the next; above zero.
    case healthInterval = "healthCheck.interval"
    /// Time within which a probe's answer must come; above zero, not longer than
    /// `healthInterval`.
    case healthTimeout = "healthCheck.timeout"
    /// Good answers in a row after which an unhealthy endpoint is used again.
    case healthyThreshold = "healthCheck.healthyThreshold"
    /// Bad answers in a row after which a healthy endpoint is no longer used.
    case unhealthyThreshold = "healthCheck.unhealthyThreshold"
    /// The statuses of a good answer, as a range: `200-299`.
    case expectedStatuses = "healthCheck.expectedStatuses"
    /// Failures in a row that eject an endpoint; 0 for never.
    case consecutiveFailures = "outlierDetection.consecutiveFailures"
    /// Success below this many percent within `outlierInterval` ejects; 0 for never.
    case successRatePercent = "outlierDetection.successRate.minPercent"
    /// Requests within `outlierInterval` below which the success rate says nothing.
    case successRateRequests = "outlierDetection.successRate.minRequests"
    /// The window of the success rate; above zero.
    case outlierInterval = "outlierDetection.interval"
    /// The length of an endpoint's first ejection, the n-th lasts n times as long; above zero, not
    /// longer than `maxEjectionTime`.
    case baseEjectionTime = "outlierDetection.baseEjectionTime"
    /// The longest ejection; above zero.
    case maxEjectionTime = "outlierDetection.maxEjectionTime"
    /// The most endpoints of a backend that are ejected at once, in percent; one always stays.
    case maxEjectedPercent = "outlierDetection.maxEjectedPercent"
    /// Time to the first byte above this many percent of the median ejects; 0 for never.
    case latencyPercent = "outlierDetection.latency.percentOfMedian"
    /// Answers within `outlierInterval` below which the time says nothing.
    case latencyRequests = "outlierDetection.latency.minRequests"
    /// The share of endpoints, in percent, below which those that are out are used all the same.
    case panicPercent = "outlierDetection.panicPercent"
    /// The pause of a server that asks for one without saying for how long; above zero.
    case coolDownBase = "coolDown.base"
    /// The longest pause that a server gets; zero for none at all.
    case coolDownMax = "coolDown.max"
    /// Who gets a pause: `Auto`, `Endpoint`, `Model` or `Backend`.
    case coolDownScope = "coolDown.scope"
    /// The most idle connections that are kept for each endpoint and event loop.
    case idleConnections = "connections.idle"
    /// How long an idle connection is kept; above zero.
    case idleTimeout = "connections.idleTimeout"

    /// Whether it takes effect on a target of `kind`: how endpoints are used belongs to a
    /// `Backend`, what becomes of a request to a `Gateway`, `HTTPRoute` or `Model`.
    package func applies(to kind: Kind) -> Bool {
        switch self {
        case .connect: true
        case .request, .backendRequest, .firstByte, .streamIdle, .attempts, .attemptsInAll,
            .retryOn,
            .retryStatuses, .backoffBase, .backoffMax, .budgetPercent, .budgetMinPerSecond,
            .continuationAttempts, .continuationBuffer, .continuationRestart, .stickyBy,
            .comparisonPercent, .comparisonBytes, .comparisonConcurrent, .comparisonTimeout,
            .similarityModel, .similarityPercent, .similarityPerMinute:
            kind != .backend
        case .balancing, .balancingHeader, .healthPath, .healthInterval, .healthTimeout,
            .healthyThreshold, .unhealthyThreshold, .expectedStatuses, .consecutiveFailures,
            .successRatePercent, .successRateRequests, .outlierInterval, .baseEjectionTime,
            .maxEjectionTime, .maxEjectedPercent, .latencyPercent, .latencyRequests, .panicPercent,
            .coolDownBase, .coolDownMax,
            .coolDownScope, .idleConnections, .idleTimeout:
            kind == .backend
        }
    }

    /// Its value below `cursor`.
    fileprivate func value(in cursor: Cursor) -> Located<TrafficValue>? {
        var parent = cursor
        var names = rawValue.split(separator: ".").map(String.init)
        let last = names.removeLast()
        for name in names {
            guard let child = parent[name] else { return nil }
            parent = child
        }
        guard let leaf = parent[last] else { return nil }
        let value: TrafficValue?
        switch self {
        case .connect, .request, .backendRequest, .firstByte, .streamIdle, .backoffBase,
            .backoffMax, .healthInterval, .healthTimeout, .outlierInterval, .baseEjectionTime,
            .maxEjectionTime, .idleTimeout, .coolDownBase, .coolDownMax, .comparisonTimeout:
            value = parent.duration(last).map { .duration($0.value) }
        case .attempts, .attemptsInAll, .budgetPercent, .budgetMinPerSecond, .healthyThreshold,
            .unhealthyThreshold, .consecutiveFailures, .successRatePercent, .successRateRequests,
            .maxEjectedPercent, .latencyPercent, .latencyRequests, .panicPercent, .idleConnections,
            .continuationAttempts, .comparisonPercent, .comparisonConcurrent, .similarityPercent,
            .similarityPerMinute:
            value = parent.integer(last).map { .number($0.value) }
        case .continuationBuffer, .comparisonBytes:
            value = parent.byteSize(last).map { .number($0.value) }
        case .continuationRestart: value = parent.boolean(last).map { .boolean($0.value) }
        case .stickyBy: value = EmbeddedText(leaf).map { .expression($0) }
        case .retryStatuses: value = .numbers(leaf.elements.compactMap { $0.integer?.value })
        case .retryOn: value = .texts(leaf.elements.compactMap { $0.text?.value })
        case .balancing, .balancingHeader, .healthPath, .expectedStatuses, .coolDownScope,
            .similarityModel:
            value = leaf.text.map { .text($0.value) }
        }
        return value.map { Located($0, at: leaf.place) }
    }
}
