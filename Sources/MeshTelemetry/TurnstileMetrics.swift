// SPDX-License-Identifier: Apache-2.0

/// What the turnstile of a backend with an OverloadPolicy did with a request.
package enum TurnstileResult: UInt8, CaseIterable, Sendable {
    /// It was let in at once.
    case entered
    /// It was let in after a wait.
    case waited
    /// There was no place, and its priority is below 0.
    case priority
    /// As many waited as may.
    case full
    /// It had no time to wait for its turn.
    case late
    /// It waited for as long as it may.
    case timeout
    /// It waited, and others were more urgent.
    case dropped

    /// The label value.
    package var label: StaticString {
        switch self {
        case .entered: "entered"
        case .waited: "waited"
        case .priority: "refused_priority"
        case .full: "refused_full"
        case .late: "refused_late"
        case .timeout: "refused_timeout"
        case .dropped: "refused_dropped"
        }
    }
}

extension ShardMetrics {
    /// Counts what a turnstile did; `counts` has an element for each `TurnstileResult`. For a
    /// scrape and not for a request.
    package mutating func countTurnstile(_ counts: [Int], backend: BackendSeriesID) {
        for (column, count) in counts.enumerated() {
            turnstileCounts.add(UInt64(max(0, count)), row: Int(backend.number), column: column)
        }
    }

    /// States how a turnstile stands: how many may be in, are in and wait.
    package mutating func setTurnstile(
        limit: Int, inside: Int, waiting: Int, backend: BackendSeriesID
    ) {
        for (column, value) in [limit, inside, waiting].enumerated() {
            turnstileStates.set(UInt64(max(0, value)), row: Int(backend.number), column: column)
        }
    }
}

extension MetricsPage {
    /// What is told by turnstile. A turnstile that was never asked is left out.
    mutating func writeTurnstiles(_ metrics: ShardMetrics) {
        let names = metrics.backends.keys
        let order = names.indices.filter { metrics.turnstileStates[$0, 0] > 0 }
            .sorted { names[$0] < names[$1] }
        begin(MetricCatalogue.turnstileRequests)
        for row in order {
            for result in TurnstileResult.allCases {
                let values = [names[row], result.label.description]
                sample(
                    LabelText(MetricCatalogue.turnstileRequests.labels, values),
                    metrics.turnstileCounts[row, Int(result.rawValue)])
            }
        }
        begin(MetricCatalogue.turnstileStates)
        for row in order {
            for (column, state) in ["limit", "inside", "waiting"].enumerated() {
                sample(
                    LabelText(MetricCatalogue.turnstileStates.labels, [names[row], state]),
                    metrics.turnstileStates[row, column])
            }
        }
    }
}
