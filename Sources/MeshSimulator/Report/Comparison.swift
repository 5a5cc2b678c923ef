// SPDX-License-Identifier: Apache-2.0

/// Which of two runs is better in what, and by how much.
package struct Comparison: Hashable, Sendable {
    /// Differences up to this part are called none: a run is one draw of chance.
    package static let noise = 0.02

    /// The figures of both, with how they differ.
    package var differences: [Difference]
    private let names: [String]

    /// One figure of both runs.
    package struct Difference: Hashable, Sendable {
        /// The figure of the first.
        package var first: Metric
        /// The figure of the second.
        package var second: Metric

        /// How much larger the second is, as a part of the first; nil where that says nothing.
        package var change: Double? {
            guard let a = first.value, let b = second.value, a != 0 else { return nil }
            return (b - a) / a
        }

        /// What stands in the column of differences. Parts of a whole differ by points.
        package var text: String {
            guard let a = first.value, let b = second.value else { return "-" }
            if a == b { return "=" }
            if first.unit == .share {
                let points = Figure.fixed((b - a) * 100, decimals: 1)
                return "\(b > a ? "+" : "")\(points) points"
            }
            guard let change else { return "+\(second.text)" }
            return Figure.change(change)
        }

        /// Positive when the second run is better, negative when the first is, and 0 when
        /// neither is by more than `noise`.
        package var verdict: Int {
            guard let a = first.value, let b = second.value, first.better != .neither else {
                return 0
            }
            let isNoise =
                first.unit == .share
                ? abs(b - a) <= Comparison.noise / 2
                : abs(b - a) <= Comparison.noise * max(abs(a), abs(b))
            if isNoise { return 0 }
            return (b > a) == (first.better == .higher) ? 1 : -1
        }
    }

    /// The second run held against the first.
    package init(_ first: RunReport, _ second: RunReport) {
        names = [first.name, second.name]
        let runs = RunReport.aligned([first, second])
        differences = zip(runs[0].metrics, runs[1].metrics).map { first, second in
            Difference(first: first, second: second)
        }
    }

    /// One sentence for each run that is better in something, and one when neither is.
    package var sentences: [String] {
        let headlines = differences.filter(\.first.isHeadline)
        var sentences: [String] = []
        for (index, verdict) in [(1, 1), (0, -1)] {
            let better = headlines.filter { $0.verdict == verdict }
            guard !better.isEmpty else { continue }
            let parts = better.map { part($0, winner: index) }
            sentences.append("\(names[index]) is better in \(Self.listed(parts)).")
        }
        let equal = headlines.filter { $0.verdict == 0 }.map(\.first.label)
        let noise = "\(Figure.fixed(Self.noise * 100, decimals: 0)) %"
        if sentences.isEmpty {
            sentences.append("Neither is better: no figure differs by more than \(noise).")
        } else if !equal.isEmpty {
            sentences.append("Equal within \(noise): \(equal.joined(separator: "; ")).")
        }
        return sentences
    }

    /// `time to first token, p95 (412 ms instead of 968 ms, -57 %)`.
    private func part(_ difference: Difference, winner: Int) -> String {
        let isSecond = winner == 1
        let (winning, losing) =
            isSecond
            ? (difference.first, difference.second) : (difference.second, difference.first)
        let turned = Difference(first: winning, second: losing)
        return "\(winning.label) (\(losing.text) instead of \(winning.text), \(turned.text))"
    }

    private static func listed(_ parts: [String]) -> String {
        guard parts.count > 1, let last = parts.last else { return parts.first ?? "" }
        return parts.dropLast().joined(separator: "; ") + "; and \(last)"
    }
}
