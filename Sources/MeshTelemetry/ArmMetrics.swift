// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The labels of what one arm of a rollout did.
package struct ArmLabels: Hashable, Sendable {
    /// `namespace/name` of the Rollout.
    package let rollout: String
    /// Which side it is.
    package let arm: Arm

    /// Labels made fit for the page: see `LabelValue`.
    package init(rollout: String, arm: Arm) {
        self.rollout = LabelValue.bounded(rollout)
        self.arm = arm
    }

    /// What came after the table was full.
    static let other = ArmLabels(rollout: LabelValue.other, arm: .stable)
}

/// The number of an arm in one `ShardMetrics`; valid as long as that lives.
package struct ArmSeriesID: Hashable, Sendable {
    let number: Int32
}

/// The counts of all arms; nothing is kept before there is a rollout.
struct ArmBank: Sendable {
    var table = SeriesTable(overflow: ArmLabels.other, limit: Limits.armsPerTable)
    var counts: [ArmCounts] = []

    init() {}

    /// Makes room for every number given out.
    mutating func grow() {
        while counts.count < table.count {
            var fresh = ArmCounts()
            fresh.makeRoom()
            counts.append(fresh)
        }
    }

    /// Adds what another shard counted.
    mutating func merge(_ other: ArmBank) {
        guard !other.counts.isEmpty else { return }
        let numbers = table.merge(other.table)
        grow()
        for (source, row) in numbers.enumerated() where source < other.counts.count {
            counts[row].add(other.counts[source])
        }
    }
}

extension ShardMetrics {
    /// The number of an arm. Slow, as `routeSeries(route:backend:)`.
    package mutating func armSeries(rollout: String, arm: Arm) -> ArmSeriesID {
        let number = arms.table.number(of: ArmLabels(rollout: rollout, arm: arm))
        arms.grow()
        return ArmSeriesID(number: Int32(number))
    }

    /// Counts a finished exchange for the arm that was asked.
    ///
    /// **Shape** `isError` says that the arm did not serve it as it should: what came in its place
    /// from elsewhere is then no measure of it.
    package mutating func countArm(
        _ record: borrowing ExchangeRecord, isError: Bool, _ series: ArmSeriesID
    ) {
        let row = Int(series.number)
        arms.counts[row].requests &+= 1
        if isError {
            arms.counts[row].errors &+= 1
            return
        }
        // Who left has waited at least as long.
        arms.counts[row].latencies.observe(record.total)
        if let first = record.firstToken { arms.counts[row].firstTokens.observe(first) }
        if record.tokens.input != nil || record.tokens.output != nil {
            let tokens = (record.tokens.input ?? 0) &+ (record.tokens.output ?? 0)
            arms.counts[row].tokens.observe(Double(tokens))
        }
        if let cost = record.cost { arms.counts[row].costs.observe(Double(cost.trillionths)) }
    }

    /// What every arm did, sorted by its labels.
    package var armCounts: [(labels: ArmLabels, counts: ArmCounts)] {
        zip(arms.table.keys, arms.counts).map { (labels: $0, counts: $1) }
            .filter { $0.counts.requests > 0 }
            .sorted {
                ($0.labels.rollout, $0.labels.arm.rawValue)
                    < ($1.labels.rollout, $1.labels.arm.rawValue)
            }
    }
}

extension MetricsPage {
    /// What is told of rollouts.
    mutating func writeRollouts(_ metrics: ShardMetrics, _ facts: ProcessFacts) {
        begin(MetricCatalogue.rolloutPhase)
        for rollout in facts.rollouts {
            let values = [LabelValue.bounded(rollout.name), rollout.phase]
            sample(LabelText(MetricCatalogue.rolloutPhase.labels, values), 1)
        }
        let gauges: [(Metric, (ProcessFacts.RolloutFacts) -> UInt64)] = [
            (MetricCatalogue.rolloutWeight, { $0.weight }),
            (MetricCatalogue.rolloutStep, { $0.step }),
        ]
        for (metric, value) in gauges {
            begin(metric)
            for rollout in facts.rollouts {
                let labels = LabelText(metric.labels, [LabelValue.bounded(rollout.name)])
                sample(labels, value(rollout))
            }
        }
        begin(MetricCatalogue.rolloutChanges)
        for rollout in facts.rollouts {
            for change in rollout.changes {
                nonzero(
                    MetricCatalogue.rolloutChanges.labels,
                    [LabelValue.bounded(rollout.name), change.phase], change.count)
            }
        }
        begin(MetricCatalogue.rolloutRequests)
        for (labels, counts) in metrics.armCounts {
            for (result, count) in [
                ("served", counts.requests &- counts.errors), ("error", counts.errors),
            ] {
                let values = [labels.rollout, labels.arm.label.description, result]
                sample(LabelText(MetricCatalogue.rolloutRequests.labels, values), count)
            }
        }
        begin(MetricCatalogue.rolloutStateFailures)
        sample(LabelText(), facts.rolloutStateFailures)
    }
}
