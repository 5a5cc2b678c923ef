// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension MetricsPage {
    /// What is told by route and backend.
    mutating func writeRequests(_ metrics: ShardMetrics) {
        let keys = metrics.routes.keys
        let order = keys.indices.sorted {
            (keys[$0].route, keys[$0].backend) < (keys[$1].route, keys[$1].backend)
        }
        writeOutcomes(metrics, order)
        writeBytes(MetricCatalogue.requestBytes, metrics, order, column: 0)
        writeBytes(MetricCatalogue.responseBytes, metrics, order, column: 1)
        let duration = MetricCatalogue.requestDuration
        begin(duration)
        for row in order {
            for statusClass in 0..<StatusClass.count {
                let cell = row * StatusClass.count + statusClass
                guard metrics.routeDurations.count(at: cell) > 0 else { continue }
                let labels = LabelText(
                    duration.labels,
                    [keys[row].route, keys[row].backend, StatusClass.label(statusClass)])
                histogram(labels, metrics.routeDurations, row: cell)
            }
        }
    }

    private mutating func writeOutcomes(_ metrics: ShardMetrics, _ order: [Int]) {
        let entries = metrics.outcomes.entries
        var rank = order
        for (position, row) in order.enumerated() { rank[row] = position }
        let codes = metrics.errors.codes.map(\.description)
        let sorted = entries.indices.dropFirst().sorted {
            let (a, b) = (entries[$0], entries[$1])
            let (aRank, bRank) = (rank[Int(a.owner)], rank[Int(b.owner)])
            let (aStatus, bStatus) = (a.variant & 0xFFFF, b.variant & 0xFFFF)
            let (aCode, bCode) = (codes[Int(a.variant >> 16)], codes[Int(b.variant >> 16)])
            return (aRank, aStatus, aCode) < (bRank, bStatus, bCode)
        }
        let metric = MetricCatalogue.requestsTotal
        let other = LabelValue.other
        begin(metric)
        nonzero(metric.labels, [other, other, other, ""], metrics.outcomeCounts[0, 0])
        for number in sorted {
            let entry = entries[number]
            let key = metrics.routes.keys[Int(entry.owner)]
            let status = entry.variant & 0xFFFF
            let code = status == 0 ? LabelValue.none : String(status)
            let error = codes[Int(entry.variant >> 16)]
            let count = metrics.outcomeCounts[number, 0]
            nonzero(metric.labels, [key.route, key.backend, code, error], count)
        }
    }

    private mutating func writeBytes(
        _ metric: Metric, _ metrics: ShardMetrics, _ order: [Int], column: Int
    ) {
        begin(metric)
        for row in order {
            let key = metrics.routes.keys[row]
            let bytes = metrics.routeBytes[row, column]
            nonzero(metric.labels, [key.route, key.backend], bytes)
        }
    }

    /// What is told by operation, provider, model and backend.
    mutating func writeModels(_ metrics: ShardMetrics) {
        let labels = metrics.models.keys.map {
            [$0.operation, $0.provider, $0.requestModel, $0.responseModel, $0.backend]
        }
        let order = labels.indices.sorted { labels[$0].lexicographicallyPrecedes(labels[$1]) }
        let tokens = MetricCatalogue.tokens
        begin(tokens)
        for row in order {
            for type in TokenType.allCases {
                let values = [type.label.description] + labels[row]
                nonzero(tokens.labels, values, metrics.modelTokens[row, Int(type.rawValue)])
            }
        }
        writeCosts(metrics, labels, order)
        writeModelDurations(metrics, labels, order)
        histograms(MetricCatalogue.firstToken, metrics.modelFirstTokens, labels, order)
        histograms(MetricCatalogue.tokenTime, metrics.modelTokenTimes, labels, order)
        let usage = MetricCatalogue.tokenUsage
        begin(usage)
        for row in order {
            for (offset, type) in [TokenType.input, .output].enumerated() {
                let cell = row * 2 + offset
                guard metrics.modelTokenUsage.count(at: cell) > 0 else { continue }
                let values = [type.label.description] + labels[row]
                histogram(LabelText(usage.labels, values), metrics.modelTokenUsage, row: cell)
            }
        }
    }

    private mutating func writeCosts(
        _ metrics: ShardMetrics, _ labels: [[String]], _ order: [Int]
    ) {
        let metric = MetricCatalogue.cost
        let entries = metrics.modelCurrencies.entries
        begin(metric)
        for row in order {
            let own = entries.indices.dropFirst().filter { entries[$0].owner == Int32(row) }
            for number in own.sorted(by: { entries[$0].variant < entries[$1].variant }) {
                let currency = Currency(code: entries[number].variant).text
                let text = LabelText(metric.labels, [currency] + labels[row])
                sample(text, trillionths: metrics.modelCosts[number, 0])
            }
        }
    }

    private mutating func writeModelDurations(
        _ metrics: ShardMetrics, _ labels: [[String]], _ order: [Int]
    ) {
        let metric = MetricCatalogue.modelDuration
        let entries = metrics.modelOutcomes.entries
        let codes = metrics.errors.codes
        var rank = order
        for (position, row) in order.enumerated() { rank[row] = position }
        let errorTypes = entries.map { ErrorType.label(of: $0.variant, codes: codes) }
        let sorted = entries.indices.dropFirst().sorted {
            (rank[Int(entries[$0].owner)], errorTypes[$0])
                < (rank[Int(entries[$1].owner)], errorTypes[$1])
        }
        begin(metric)
        // `_OTHER` is the conventions' own word; ours are lower case, so it cannot be one of them.
        if metrics.modelDurations.count(at: 0) > 0 {
            let text = LabelText(metric.labels, labels[0] + ["_OTHER"])
            histogram(text, metrics.modelDurations, row: 0)
        }
        for number in sorted where metrics.modelDurations.count(at: number) > 0 {
            let owner = Int(entries[number].owner)
            let text = LabelText(metric.labels, labels[owner] + [errorTypes[number]])
            histogram(text, metrics.modelDurations, row: number)
        }
    }

    private mutating func histograms(
        _ metric: Metric, _ bank: HistogramBank, _ labels: [[String]], _ order: [Int]
    ) {
        begin(metric)
        for row in order where bank.count(at: row) > 0 {
            histogram(LabelText(metric.labels, labels[row]), bank, row: row)
        }
    }
}
