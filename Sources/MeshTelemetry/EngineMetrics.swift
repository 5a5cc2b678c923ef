// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What came of asking a policy engine.
package enum EngineResult: UInt8, CaseIterable, Sendable {
    /// It lets the request pass.
    case allowed
    /// It does not.
    case denied
    /// An answer that was kept was given, and nothing was asked.
    case cached
    /// It did not answer in time.
    case timeout
    /// It could not be reached.
    case unreachable
    /// It said that it failed.
    case failed
    /// What it said was no answer.
    case malformed
    /// Too many questions were on their way.
    case busy

    /// The label value.
    package var label: StaticString {
        switch self {
        case .allowed: "allowed"
        case .denied: "denied"
        case .cached: "cached"
        case .timeout: "timeout"
        case .unreachable: "unreachable"
        case .failed: "failed"
        case .malformed: "malformed"
        case .busy: "busy"
        }
    }
}

/// The number of a policy engine in one `ShardMetrics`; valid as long as that lives.
package struct EngineSeriesID: Hashable, Sendable {
    let number: Int32
}

extension ShardMetrics {
    /// The number of a policy engine. Slow, as `routeSeries(route:backend:)`.
    package mutating func engineSeries(engine: String) -> EngineSeriesID {
        let number = engines.number(of: LabelValue.bounded(engine))
        engineResults.grow(to: engines.count)
        engineDurations.grow(to: engines.count)
        return EngineSeriesID(number: Int32(number))
    }

    /// Counts what came of asking an engine; `waited` is nil when nothing was asked.
    package mutating func countEngine(
        _ result: EngineResult, after waited: Nanoseconds?, _ series: EngineSeriesID
    ) {
        let row = Int(series.number)
        engineResults.add(1, row: row, column: Int(result.rawValue))
        if let waited { engineDurations.observe(UInt64(max(0, waited.rawValue)), at: row) }
    }

    /// Adds what another shard counted.
    mutating func mergeEngines(_ other: ShardMetrics) {
        let numbers = engines.merge(other.engines)
        engineResults.grow(to: engines.count)
        engineDurations.grow(to: engines.count)
        for (source, row) in numbers.enumerated() {
            engineResults.add(other.engineResults, row: source, to: row)
            engineDurations.add(other.engineDurations, row: source, to: row)
        }
    }
}

extension MetricsPage {
    /// What is told by policy engine.
    mutating func writeEngines(_ metrics: ShardMetrics) {
        let names = metrics.engines.keys
        let order = names.indices.sorted { names[$0] < names[$1] }
        begin(MetricCatalogue.engineAnswers)
        for row in order {
            for result in EngineResult.allCases {
                nonzero(
                    MetricCatalogue.engineAnswers.labels, [names[row], result.label.description],
                    metrics.engineResults[row, Int(result.rawValue)])
            }
        }
        let duration = MetricCatalogue.engineDuration
        begin(duration)
        for row in order where metrics.engineDurations.count(at: row) > 0 {
            histogram(
                LabelText(duration.labels, [names[row]]), metrics.engineDurations, row: row)
        }
    }
}
