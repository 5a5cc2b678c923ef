// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension MetricsPage {
    /// What the driver knows.
    mutating func writeProcess(_ facts: ProcessFacts) {
        let build = MetricCatalogue.buildInfo
        begin(build)
        let version = LabelValue.bounded(facts.version)
        sample(LabelText(build.labels, [version, String(MetricCatalogue.version)]), 1)
        begin(MetricCatalogue.startTime)
        sample(LabelText(), nanoseconds: UInt64(max(0, facts.startedAt.nanoseconds)))
        begin(MetricCatalogue.residentMemory)
        sample(LabelText(), facts.residentBytes)
        begin(MetricCatalogue.cpu)
        sample(LabelText(), nanoseconds: UInt64(max(0, facts.cpu.rawValue)))
        begin(MetricCatalogue.openFiles)
        sample(LabelText(), facts.openFiles)
        begin(MetricCatalogue.snapshotVersion)
        sample(LabelText(), facts.snapshotVersion)
        begin(MetricCatalogue.snapshotRejected)
        sample(LabelText(), facts.snapshotsRejected)
        if let taken = facts.snapshotTakenAt {
            begin(MetricCatalogue.snapshotLastSuccess)
            sample(LabelText(), nanoseconds: UInt64(max(0, taken.nanoseconds)))
        }
        begin(MetricCatalogue.certificateEnd)
        for end in facts.certificateEnds {
            sample(
                LabelText(MetricCatalogue.certificateEnd.labels, [LabelValue.bounded(end.label)]),
                nanoseconds: UInt64(max(0, end.time.nanoseconds)))
        }
        begin(MetricCatalogue.certificateFailures)
        sample(LabelText(), facts.certificateFailures)
    }

    /// What has no labels or a few fixed ones. These are shown at zero too: an alert on a
    /// counter that is not there never fires.
    mutating func writeMesh(_ metrics: ShardMetrics) {
        let mesh = metrics.mesh
        begin(MetricCatalogue.activeRequests)
        sample(LabelText(), signed: mesh.activeRequests)
        begin(MetricCatalogue.connections)
        connection(["downstream", "active"], mesh.downstreamActive)
        connection(["downstream", "idle"], mesh.downstreamIdle)
        connection(["upstream", "active"], mesh.upstreamActive)
        connection(["upstream", "idle"], mesh.upstreamIdle)
        begin(MetricCatalogue.connectionsOpened)
        sample(LabelText(["side"], ["downstream"]), mesh.downstreamOpened)
        sample(LabelText(["side"], ["upstream"]), mesh.upstreamOpened)
        begin(MetricCatalogue.pressure)
        sample(LabelText(), signed: mesh.pressure)
        plain(MetricCatalogue.retryBudgetExhausted, mesh.retryBudgetExhausted)
        plain(MetricCatalogue.clientAborts, mesh.clientAborts)
        plain(MetricCatalogue.downstreamMalformed, mesh.downstreamMalformed)
        begin(MetricCatalogue.handshakes)
        for result in HandshakeResult.allCases {
            sample(
                LabelText(MetricCatalogue.handshakes.labels, [result.label.description]),
                metrics.handshakes[0, Int(result.rawValue)])
        }
        plain(MetricCatalogue.usageMissing, mesh.usageMissing)
        plain(MetricCatalogue.accessLogDropped, mesh.accessLogDropped)
        plain(MetricCatalogue.recordingsDropped, mesh.recordingsDropped)
        plain(MetricCatalogue.receiptsDropped, mesh.receiptsDropped)
        begin(MetricCatalogue.refusals)
        let codes = metrics.errors.codes.map(\.description)
        for number in codes.indices.sorted(by: { codes[$0] < codes[$1] }) {
            nonzero(["code"], [codes[number]], metrics.refusals[number, 0])
        }
    }

    /// What is told by backend.
    mutating func writeBackends(_ metrics: ShardMetrics) {
        let names = metrics.backends.keys
        let order = names.indices.sorted { names[$0] < names[$1] }
        let attempts = AttemptResult.allCases.map(\.label.description)
        let retries = RetryReason.allCases.map(\.label.description)
        let ejections = EjectionReason.allCases.map(\.label.description)
        columns(MetricCatalogue.attempts, metrics.attempts, names, order, attempts)
        columns(MetricCatalogue.retries, metrics.retries, names, order, retries)
        columns(MetricCatalogue.ejections, metrics.ejections, names, order, ejections)
        let coolDowns = CoolDownReason.allCases.map(\.label.description)
        let passings = PassingOver.allCases.map(\.label.description)
        columns(MetricCatalogue.coolDowns, metrics.coolDowns, names, order, coolDowns)
        columns(MetricCatalogue.passings, metrics.passings, names, order, passings)
        columns(MetricCatalogue.circuits, metrics.circuits, names, order, [])
        let hedges = HedgeOutcome.allCases.map(\.label.description)
        columns(MetricCatalogue.hedges, metrics.hedges, names, order, hedges)
        columns(MetricCatalogue.hedgeTokens, metrics.hedgeTokens, names, order, [])
        columns(MetricCatalogue.truncations, metrics.truncations, names, order, [])
        begin(MetricCatalogue.endpoints)
        for row in order {
            let states = EndpointState.allCases.map { metrics.endpoints[row, Int($0.rawValue)] }
            // A backend has all four or none, so that a sum over states is always right.
            guard states.contains(where: { $0 > 0 }) else { continue }
            for state in EndpointState.allCases {
                let labels = LabelText(
                    MetricCatalogue.endpoints.labels, [names[row], state.label.description])
                sample(labels, states[Int(state.rawValue)])
            }
        }
    }

    /// What is told by limit. A limit's decisions are shown at zero too: what was never refused
    /// is worth knowing, and an alert on a counter that is not there never fires.
    mutating func writeLimits(_ metrics: ShardMetrics) {
        let keys = metrics.limits.keys
        let isOver = (0..<metrics.limitCounts.width).contains { metrics.limitCounts[0, $0] > 0 }
        let order = keys.indices.dropFirst(isOver ? 0 : 1).sorted {
            (keys[$0].policy, keys[$0].limit) < (keys[$1].policy, keys[$1].limit)
        }
        func values(_ row: Int, _ count: LimitCount) -> [String] {
            [keys[row].policy, keys[row].limit, count.label.description]
        }
        begin(MetricCatalogue.limitDecisions)
        for row in order {
            for count in [LimitCount.admitted, .refused, .audited] {
                let labels = LabelText(MetricCatalogue.limitDecisions.labels, values(row, count))
                sample(labels, metrics.limitCounts[row, Int(count.rawValue)])
            }
        }
        begin(MetricCatalogue.limitUsage)
        for row in order {
            for count in [LimitCount.reserved, .settled] {
                nonzero(
                    MetricCatalogue.limitUsage.labels, values(row, count),
                    metrics.limitCounts[row, Int(count.rawValue)])
            }
        }
        begin(MetricCatalogue.limitEvictions)
        for row in order {
            nonzero(
                MetricCatalogue.limitEvictions.labels, [keys[row].policy, keys[row].limit],
                metrics.limitCounts[row, Int(LimitCount.evicted.rawValue)])
        }
    }

    /// What is told by rule of an AccessPolicy; denials are shown at zero too.
    mutating func writeAccess(_ metrics: ShardMetrics) {
        let keys = metrics.access.keys
        let isOver = (0..<metrics.accessCounts.width).contains { metrics.accessCounts[0, $0] > 0 }
        let order = keys.indices.dropFirst(isOver ? 0 : 1).sorted {
            (keys[$0].policy, keys[$0].rule) < (keys[$1].policy, keys[$1].rule)
        }
        begin(MetricCatalogue.accessDecisions)
        for row in order {
            for decision in AccessDecision.allCases {
                let values = [keys[row].policy, keys[row].rule, decision.label.description]
                let count = metrics.accessCounts[row, Int(decision.rawValue)]
                if decision == .denied {
                    sample(LabelText(MetricCatalogue.accessDecisions.labels, values), count)
                } else {
                    nonzero(MetricCatalogue.accessDecisions.labels, values, count)
                }
            }
        }
    }

    /// What is told by IdentityProvider; refusals are shown at zero too.
    mutating func writeIdentity(_ metrics: ShardMetrics) {
        let keys = metrics.identity.keys
        let isOver = (0..<metrics.identityCounts.width).contains {
            metrics.identityCounts[0, $0] > 0
        }
        let order = keys.indices.dropFirst(isOver ? 0 : 1).sorted { keys[$0] < keys[$1] }
        begin(MetricCatalogue.identityResults)
        for row in order {
            for result in IdentityResult.allCases {
                let values = [keys[row], result.label.description]
                let count = metrics.identityCounts[row, Int(result.rawValue)]
                if result == .refused {
                    sample(LabelText(MetricCatalogue.identityResults.labels, values), count)
                } else {
                    nonzero(MetricCatalogue.identityResults.labels, values, count)
                }
            }
        }
    }

    /// What the metrics say of themselves.
    mutating func writeSelf(_ metrics: ShardMetrics) {
        begin(MetricCatalogue.seriesDropped)
        let names = MetricCatalogue.seriesDropped.labels
        sample(LabelText(names, ["access"]), metrics.access.dropped)
        sample(LabelText(names, ["backends"]), metrics.backends.dropped)
        sample(LabelText(names, ["engines"]), metrics.engines.dropped)
        sample(LabelText(names, ["identity"]), metrics.identity.dropped)
        sample(LabelText(names, ["limits"]), metrics.limits.dropped)
        sample(LabelText(names, ["mirrors"]), metrics.mirrors.table.dropped)
        sample(LabelText(names, ["models"]), metrics.models.dropped)
        sample(LabelText(names, ["outcomes"]), metrics.outcomes.dropped)
        sample(LabelText(names, ["model_outcomes"]), metrics.modelOutcomes.dropped)
        sample(LabelText(names, ["routes"]), metrics.routes.dropped)
    }

    private mutating func plain(_ metric: Metric, _ value: UInt64) {
        begin(metric)
        sample(LabelText(), value)
    }

    private mutating func connection(_ values: [String], _ count: Int64) {
        sample(LabelText(MetricCatalogue.connections.labels, values), signed: count)
    }

    /// A series that is left out while it is zero.
    mutating func nonzero(_ names: [String], _ values: [String], _ value: UInt64) {
        if value > 0 { sample(LabelText(names, values), value) }
    }

    /// One family from a bank of backends whose columns are the values of the second label.
    private mutating func columns(
        _ metric: Metric, _ bank: CounterBank, _ names: [String], _ order: [Int],
        _ columns: [String]
    ) {
        begin(metric)
        for row in order {
            for column in 0..<bank.width {
                let values = columns.isEmpty ? [names[row]] : [names[row], columns[column]]
                nonzero(metric.labels, values, bank[row, column])
            }
        }
    }
}
