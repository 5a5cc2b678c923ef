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
    /// Several numbers.
    case numbers([Int])
    /// Text.
    case text(String)
    /// Several texts.
    case texts([String])
}

/// One of the settings of traffic; the raw value is its path.
package enum TrafficField: String, Hashable, Sendable, CaseIterable {
    case connect = "timeouts.connect"
    case request = "timeouts.request"
    case backendRequest = "timeouts.backendRequest"
    case firstByte = "timeouts.firstByte"
    case streamIdle = "timeouts.streamIdle"
    case attempts = "retry.attempts"
    case retryOn = "retry.on"
    case retryStatuses = "retry.statuses"
    case backoffBase = "retry.backoff.base"
    case backoffMax = "retry.backoff.max"
    case budgetPercent = "retry.budget.percent"
    case budgetMinPerSecond = "retry.budget.minPerSecond"
    case balancing = "balancing.type"
    case balancingHeader = "balancing.header"
    case healthPath = "healthCheck.path"
    case healthInterval = "healthCheck.interval"
    case healthTimeout = "healthCheck.timeout"
    case healthyThreshold = "healthCheck.healthyThreshold"
    case unhealthyThreshold = "healthCheck.unhealthyThreshold"
    case expectedStatuses = "healthCheck.expectedStatuses"
    case consecutiveFailures = "outlierDetection.consecutiveFailures"
    case successRatePercent = "outlierDetection.successRate.minPercent"
    case successRateRequests = "outlierDetection.successRate.minRequests"
    case outlierInterval = "outlierDetection.interval"
    case baseEjectionTime = "outlierDetection.baseEjectionTime"
    case maxEjectionTime = "outlierDetection.maxEjectionTime"
    case maxEjectedPercent = "outlierDetection.maxEjectedPercent"
    case idleConnections = "connections.idle"
    case idleTimeout = "connections.idleTimeout"

    /// Whether it takes effect on a target of `kind`: how endpoints are used belongs to a
    /// `Backend`, what becomes of a request to a `Gateway`, `HTTPRoute` or `Model`.
    package func applies(to kind: Kind) -> Bool {
        switch self {
        case .connect: true
        case .request, .backendRequest, .firstByte, .streamIdle, .attempts, .retryOn,
            .retryStatuses, .backoffBase, .backoffMax, .budgetPercent, .budgetMinPerSecond:
            kind != .backend
        case .balancing, .balancingHeader, .healthPath, .healthInterval, .healthTimeout,
            .healthyThreshold, .unhealthyThreshold, .expectedStatuses, .consecutiveFailures,
            .successRatePercent, .successRateRequests, .outlierInterval, .baseEjectionTime,
            .maxEjectionTime, .maxEjectedPercent, .idleConnections, .idleTimeout:
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
            .maxEjectionTime, .idleTimeout:
            value = parent.duration(last).map { .duration($0.value) }
        case .attempts, .budgetPercent, .budgetMinPerSecond, .healthyThreshold,
            .unhealthyThreshold, .consecutiveFailures, .successRatePercent, .successRateRequests,
            .maxEjectedPercent, .idleConnections:
            value = parent.integer(last).map { .number($0.value) }
        case .retryStatuses: value = .numbers(leaf.elements.compactMap { $0.integer?.value })
        case .retryOn: value = .texts(leaf.elements.compactMap { $0.text?.value })
        case .balancing, .balancingHeader, .healthPath, .expectedStatuses:
            value = leaf.text.map { .text($0.value) }
        }
        return value.map { Located($0, at: leaf.place) }
    }
}
