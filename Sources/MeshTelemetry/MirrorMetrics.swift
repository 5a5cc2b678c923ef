// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What is counted of one mirror beside durations and similarities.
enum MirrorCount: Int, CaseIterable {
    case compared, sameStatus, contents, sameText, sameStructure
    case documents, sameValues, toolCalls, sameTools
    case counted, priced
    case primaryGood, primaryTokensIn, primaryTokensOut, primaryCost
    case mirrorGood, mirrorTokensIn, mirrorTokensOut, mirrorCost
}

/// What is measured of a pair of answers, in the order of the rows of each series.
enum MirrorDuration: Int, CaseIterable {
    case primaryFirstByte, mirrorFirstByte, primaryTotal, mirrorTotal
}

/// The counts of all mirrors.
struct MirrorBanks: Sendable {
    var table = SeriesTable(overflow: MirrorLabels.other, limit: Limits.mirrorsPerTable)
    var copies = CounterBank(width: CopyResult.allCases.count)
    var gaps = CounterBank(width: ComparisonGap.allCases.count)
    var counts = CounterBank(width: MirrorCount.allCases.count)
    /// By series and `MirrorDuration`.
    var durations = HistogramBank(.httpDuration)
    var similarities = HistogramBank(.similarity)

    /// Nothing counted; no room is taken before there is a mirror.
    init() {}

    /// Makes a row in every bank for every number given out.
    mutating func grow() {
        copies.grow(to: table.count)
        gaps.grow(to: table.count)
        counts.grow(to: table.count)
        durations.grow(to: table.count * MirrorDuration.allCases.count)
        similarities.grow(to: table.count)
    }

    mutating func add(_ amount: UInt64, _ count: MirrorCount, row: Int) {
        counts.add(amount, row: row, column: count.rawValue)
    }

    mutating func observe(_ length: Nanoseconds, _ duration: MirrorDuration, row: Int) {
        durations.observe(
            UInt64(max(0, length.rawValue)),
            at: row * MirrorDuration.allCases.count + duration.rawValue)
    }

    /// Adds what another shard counted.
    mutating func merge(_ other: MirrorBanks) {
        let numbers = table.merge(other.table)
        guard other.copies.rows > 0 else { return }
        grow()
        let width = MirrorDuration.allCases.count
        for (source, row) in numbers.enumerated() {
            copies.add(other.copies, row: source, to: row)
            gaps.add(other.gaps, row: source, to: row)
            counts.add(other.counts, row: source, to: row)
            similarities.add(other.similarities, row: source, to: row)
            for part in 0..<width {
                durations.add(
                    other.durations, row: source * width + part, to: row * width + part)
            }
        }
    }
}

/// The number of a mirror in one `ShardMetrics`; valid as long as that lives.
package struct MirrorSeriesID: Hashable, Sendable {
    let number: Int32
}

extension ShardMetrics {
    /// The number of a mirror. Slow, as `routeSeries(route:backend:)`.
    package mutating func mirrorSeries(_ labels: MirrorLabels) -> MirrorSeriesID {
        let number = mirrors.table.number(of: labels)
        if mirrors.table.count > mirrors.copies.rows { mirrors.grow() }
        return MirrorSeriesID(number: Int32(number))
    }

    /// Counts what became of a copy.
    package mutating func countCopy(_ result: CopyResult, _ series: MirrorSeriesID) {
        mirrors.copies.add(1, row: Int(series.number), column: Int(result.rawValue))
    }

    /// Counts a pair that was not compared, or whose similarity was not measured.
    package mutating func countGap(_ gap: ComparisonGap, _ series: MirrorSeriesID) {
        mirrors.gaps.add(1, row: Int(series.number), column: Int(gap.rawValue))
    }

    /// Counts a pair that was compared.
    package mutating func countPair(_ pair: ComparedPair, _ series: MirrorSeriesID) {
        let row = Int(series.number)
        mirrors.add(1, .compared, row: row)
        if pair.sameStatus { mirrors.add(1, .sameStatus, row: row) }
        if pair.primary.isGood { mirrors.add(1, .primaryGood, row: row) }
        if pair.mirror.isGood { mirrors.add(1, .mirrorGood, row: row) }
        countMeasures(pair, row)
        guard let content = pair.content else { return }
        mirrors.add(1, .contents, row: row)
        if content.sameText { mirrors.add(1, .sameText, row: row) }
        if content.sameStructure { mirrors.add(1, .sameStructure, row: row) }
        if let sameValues = content.sameValues {
            mirrors.add(1, .documents, row: row)
            if sameValues { mirrors.add(1, .sameValues, row: row) }
        }
        if let sameTools = content.sameTools {
            mirrors.add(1, .toolCalls, row: row)
            if sameTools { mirrors.add(1, .sameTools, row: row) }
        }
        if let similarity = content.similarity {
            mirrors.similarities.observe(UInt64(similarity), at: row)
        }
    }

    /// What both answers of a pair say, and not one of them alone.
    private mutating func countMeasures(_ pair: ComparedPair, _ row: Int) {
        let (primary, mirror) = (pair.primary, pair.mirror)
        if let first = primary.firstByte, let other = mirror.firstByte {
            mirrors.observe(first, .primaryFirstByte, row: row)
            mirrors.observe(other, .mirrorFirstByte, row: row)
        }
        guard primary.isGood, mirror.isGood else { return }
        mirrors.observe(primary.total, .primaryTotal, row: row)
        mirrors.observe(mirror.total, .mirrorTotal, row: row)
        if primary.tokens.isKnown, mirror.tokens.isKnown {
            mirrors.add(1, .counted, row: row)
            mirrors.add(primary.tokens.input ?? 0, .primaryTokensIn, row: row)
            mirrors.add(primary.tokens.output ?? 0, .primaryTokensOut, row: row)
            mirrors.add(mirror.tokens.input ?? 0, .mirrorTokensIn, row: row)
            mirrors.add(mirror.tokens.output ?? 0, .mirrorTokensOut, row: row)
        }
        if let cost = primary.cost, let other = mirror.cost, cost.currency == other.currency {
            mirrors.add(1, .priced, row: row)
            mirrors.add(cost.trillionths, .primaryCost, row: row)
            mirrors.add(other.trillionths, .mirrorCost, row: row)
        }
    }

    /// The totals of each mirror, sorted by its labels.
    package var mirrorComparisons: [(labels: MirrorLabels, totals: MirrorComparison)] {
        guard mirrors.copies.rows > 0 else { return [] }
        return mirrors.table.keys.indices
            .map { (mirrors.table.keys[$0], comparison(of: $0)) }
            .filter { $0.1 != MirrorComparison() }
            .sorted { $0.0 < $1.0 }
    }

    fileprivate func comparison(of row: Int) -> MirrorComparison {
        var totals = MirrorComparison()
        for result in CopyResult.allCases {
            totals.copies[Int(result.rawValue)] = mirrors.copies[row, Int(result.rawValue)]
        }
        func count(_ count: MirrorCount) -> UInt64 { mirrors.counts[row, count.rawValue] }
        totals.compared = count(.compared)
        totals.sameStatus = count(.sameStatus)
        totals.contents = count(.contents)
        totals.sameText = count(.sameText)
        totals.sameStructure = count(.sameStructure)
        totals.documents = count(.documents)
        totals.sameValues = count(.sameValues)
        totals.toolCalls = count(.toolCalls)
        totals.sameTools = count(.sameTools)
        totals.similarities = mirrors.similarities.count(at: row)
        totals.similaritySum = mirrors.similarities.sum(at: row)
        totals.counted = count(.counted)
        totals.priced = count(.priced)
        func side(
            _ first: MirrorDuration, _ total: MirrorDuration,
            _ columns: (
                good: MirrorCount, read: MirrorCount, written: MirrorCount, cost: MirrorCount
            )
        ) -> MirrorComparison.Side {
            let base = row * MirrorDuration.allCases.count
            var side = MirrorComparison.Side()
            side.good = count(columns.good)
            side.firstBytes = mirrors.durations.count(at: base + first.rawValue)
            side.firstByteSum = mirrors.durations.sum(at: base + first.rawValue)
            side.totals = mirrors.durations.count(at: base + total.rawValue)
            side.totalSum = mirrors.durations.sum(at: base + total.rawValue)
            side.tokensIn = count(columns.read)
            side.tokensOut = count(columns.written)
            side.cost = count(columns.cost)
            return side
        }
        totals.primary = side(
            .primaryFirstByte, .primaryTotal,
            (.primaryGood, .primaryTokensIn, .primaryTokensOut, .primaryCost))
        totals.mirror = side(
            .mirrorFirstByte, .mirrorTotal,
            (.mirrorGood, .mirrorTokensIn, .mirrorTokensOut, .mirrorCost))
        return totals
    }
}

extension MirrorLabels: Comparable {
    package static func < (a: MirrorLabels, b: MirrorLabels) -> Bool {
        (a.route, a.model, a.mirror, a.mirrorModel) < (b.route, b.model, b.mirror, b.mirrorModel)
    }
}

extension TokenCounts {
    /// Whether the server said how many tokens there were.
    var isKnown: Bool { input != nil || output != nil }
}

extension MetricsPage {
    /// What is told by mirror; copies are shown at zero too.
    mutating func writeMirrors(_ metrics: ShardMetrics) {
        let banks = metrics.mirrors
        guard banks.copies.rows > 0 else { return }
        let keys = banks.table.keys
        let isOver = (0..<banks.copies.width).contains { banks.copies[0, $0] > 0 }
        let order = keys.indices.dropFirst(isOver ? 0 : 1).sorted { keys[$0] < keys[$1] }
        let labels = keys.map { [$0.route, $0.model, $0.mirror, $0.mirrorModel] }
        begin(MetricCatalogue.mirrorCopies)
        for row in order {
            for result in CopyResult.allCases {
                sample(
                    LabelText(
                        MetricCatalogue.mirrorCopies.labels,
                        labels[row] + [result.label.description]),
                    banks.copies[row, Int(result.rawValue)])
            }
        }
        let totals = order.map { (labels[$0], metrics.comparison(of: $0)) }
        writePairs(totals)
        begin(MetricCatalogue.mirrorGaps)
        for row in order {
            for gap in ComparisonGap.allCases {
                nonzero(
                    MetricCatalogue.mirrorGaps.labels, labels[row] + [gap.label.description],
                    banks.gaps[row, Int(gap.rawValue)])
            }
        }
        writeDurations(banks, labels, order)
        writeSums(totals)
        let similarity = MetricCatalogue.mirrorSimilarity
        begin(similarity)
        for row in order where banks.similarities.count(at: row) > 0 {
            histogram(LabelText(similarity.labels, labels[row]), banks.similarities, row: row)
        }
    }

    /// How many pairs were compared by each measure, and how many of them agree.
    private mutating func writePairs(_ all: [(labels: [String], totals: MirrorComparison)]) {
        func measures(_ totals: MirrorComparison) -> [(String, UInt64, UInt64)] {
            [
                ("status", totals.compared, totals.sameStatus),
                ("text", totals.contents, totals.sameText),
                ("structure", totals.contents, totals.sameStructure),
                ("values", totals.documents, totals.sameValues),
                ("tools", totals.toolCalls, totals.sameTools),
            ]
        }
        begin(MetricCatalogue.mirrorPairs)
        for (labels, totals) in all {
            for (name, pairs, _) in measures(totals) {
                nonzero(MetricCatalogue.mirrorPairs.labels, labels + [name], pairs)
            }
        }
        begin(MetricCatalogue.mirrorAgreements)
        for (labels, totals) in all {
            for (name, pairs, same) in measures(totals) where pairs > 0 {
                sample(LabelText(MetricCatalogue.mirrorAgreements.labels, labels + [name]), same)
            }
        }
        begin(MetricCatalogue.mirrorGood)
        for (labels, totals) in all where totals.compared > 0 {
            let names = MetricCatalogue.mirrorGood.labels
            sample(LabelText(names, labels + ["primary"]), totals.primary.good)
            sample(LabelText(names, labels + ["mirror"]), totals.mirror.good)
        }
    }

    private mutating func writeDurations(
        _ banks: MirrorBanks, _ labels: [[String]], _ order: [Int]
    ) {
        let metric = MetricCatalogue.mirrorDuration
        begin(metric)
        for row in order {
            for duration in MirrorDuration.allCases {
                let cell = row * MirrorDuration.allCases.count + duration.rawValue
                guard banks.durations.count(at: cell) > 0 else { continue }
                let text = LabelText(metric.labels, labels[row] + duration.labels)
                histogram(text, banks.durations, row: cell)
            }
        }
    }

    private mutating func writeSums(_ all: [(labels: [String], totals: MirrorComparison)]) {
        let tokens = MetricCatalogue.mirrorTokens
        begin(tokens)
        for (labels, totals) in all where totals.counted > 0 {
            for (side, name) in [(totals.primary, "primary"), (totals.mirror, "mirror")] {
                sample(LabelText(tokens.labels, labels + [name, "input"]), side.tokensIn)
                sample(LabelText(tokens.labels, labels + [name, "output"]), side.tokensOut)
            }
        }
        let cost = MetricCatalogue.mirrorCost
        begin(cost)
        for (labels, totals) in all where totals.priced > 0 {
            sample(
                LabelText(cost.labels, labels + ["primary"]), trillionths: totals.primary.cost)
            sample(LabelText(cost.labels, labels + ["mirror"]), trillionths: totals.mirror.cost)
        }
    }
}

extension MirrorDuration {
    /// The side and what is measured.
    fileprivate var labels: [String] {
        switch self {
        case .primaryFirstByte: ["primary", "first_byte"]
        case .mirrorFirstByte: ["mirror", "first_byte"]
        case .primaryTotal: ["primary", "total"]
        case .mirrorTotal: ["mirror", "total"]
        }
    }
}
