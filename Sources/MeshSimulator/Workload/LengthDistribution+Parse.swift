// SPDX-License-Identifier: Apache-2.0

import MeshModel

extension LengthDistribution {
    /// Why a length cannot be read.
    package struct Fault: Error, Hashable, Sendable {
        /// Characters in front of what is wrong.
        package var offset: Int
        /// What is wrong.
        package var message: String
        /// What a person does next.
        package var remedy: String
    }

    /// What a length may look like, for remedies.
    private static let forms =
        "write it like `200`, `100-300`, `~200`, `~200/0.5` or "
        + "`p50:150/p90:400`"

    /// The lengths that `text` describes, in one of the forms of the type's own description.
    package static func parse(_ text: String) throws(Fault) -> LengthDistribution {
        if text.hasPrefix("~") { return try parseMean(text) }
        if text.hasPrefix("p") { return try parseQuantiles(text) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = ends.compactMap { tokens(String($0)) }
        guard numbers.count == ends.count, numbers.count <= 2, let first = numbers.first,
            let last = numbers.last
        else { throw Fault(offset: 0, message: "\(quoted(text)) is not a length", remedy: forms) }
        guard first <= last else {
            throw Fault(
                offset: 0, message: "\(quoted(text)) ends before it begins",
                remedy: "write `\(last)-\(first)`")
        }
        return numbers.count == 1 ? .exactly(first) : .uniform(first...last)
    }

    private static func tokens(_ text: String) -> Int? {
        guard let value = Int(text), (1...WorkloadLimits.tokensMax).contains(value) else {
            return nil
        }
        return value
    }

    private static func parseMean(_ text: String) throws(Fault) -> LengthDistribution {
        let parts = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let mean = tokens(String(parts[0])) else {
            throw Fault(offset: 1, message: "\(quoted(text)) is not a mean", remedy: forms)
        }
        guard parts.count == 2 else { return .lognormal(mean: Double(mean), variation: 1) }
        let most = WorkloadLimits.variationMax
        guard let variation = Double(parts[1]), variation >= 0, variation <= most else {
            throw Fault(
                offset: parts[0].count + 2,
                message: "\(quoted(String(parts[1]))) is not a coefficient of variation",
                remedy: "write a number from 0 to \(Int(most)), as in `~200/0.5`")
        }
        return .lognormal(mean: Double(mean), variation: variation)
    }

    private static func parseQuantiles(_ text: String) throws(Fault) -> LengthDistribution {
        var quantiles: [Quantile] = []
        var offset = 0
        for part in text.split(separator: "/", omittingEmptySubsequences: false) {
            let sides = part.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
            guard part.hasPrefix("p"), sides.count == 2, let share = Double(sides[0]),
                share >= 0, share <= 100, let length = tokens(String(sides[1]))
            else {
                throw Fault(
                    offset: offset, message: "\(quoted(String(part))) is not a quantile",
                    remedy: "write it like `p90:400`: a percentage, a colon, tokens")
            }
            let next = Quantile(share: share / 100, length: Double(length))
            if let last = quantiles.last, last.share >= next.share || last.length > next.length {
                throw Fault(
                    offset: offset,
                    message: "\(quoted(String(part))) is not above the quantile before it",
                    remedy: "write percentages and tokens in rising order")
            }
            quantiles.append(next)
            offset += part.count + 1
        }
        guard (2...WorkloadLimits.quantilesMax).contains(quantiles.count) else {
            throw Fault(
                offset: 0, message: "\(quantiles.count) quantiles say too little or too much",
                remedy: "write 2 to \(WorkloadLimits.quantilesMax), as in `p50:150/p90:400`")
        }
        if quantiles.count == 2, quantiles[0].share == 0.5, quantiles[1].share == 0.9 {
            return .lognormal(median: quantiles[0].length, ninetieth: quantiles[1].length)
        }
        return .empirical(quantiles)
    }
}
