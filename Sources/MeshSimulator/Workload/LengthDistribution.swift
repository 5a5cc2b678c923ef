// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// How many tokens a prompt or an answer has.
///
///     200                    exactly that many
///     100-300                any number between, each as likely
///     ~200                   a lognormal of that mean whose deviation is as large as the mean
///     ~200/0.5               the same with a deviation of half the mean
///     p50:1020/p90:2735      the lognormal with these two quantiles
///     p0:10/p50:700/p99:4000/p100:9000   a line from quantile to quantile
package enum LengthDistribution: Hashable, Sendable {
    /// Always the same.
    case exactly(Int)
    /// From one number to another, both included.
    case uniform(ClosedRange<Int>)
    /// The exponential of a normal variable.
    case lognormal(mu: Double, sigma: Double)
    /// Straight lines between known quantiles, in order of both.
    case empirical([Quantile])

    /// A length and the share of lengths that lie at or below it.
    package struct Quantile: Hashable, Sendable {
        /// The share, 0 to 1.
        package var share: Double
        /// The length.
        package var length: Double

        /// The given share at the given length.
        package init(share: Double, length: Double) {
            self.share = share
            self.length = length
        }
    }

    /// The 0.9 quantile of the normal distribution.
    private static let normal90 = 1.281_551_565_544_600_4

    /// The lognormal of a mean and a coefficient of variation.
    package static func lognormal(mean: Double, variation: Double) -> LengthDistribution {
        let square = Elementary.ln(1 + variation * variation)
        return .lognormal(mu: Elementary.ln(mean) - square / 2, sigma: square.squareRoot())
    }

    /// The lognormal of a median and the length that one in ten exceeds.
    package static func lognormal(median: Double, ninetieth: Double) -> LengthDistribution {
        .lognormal(
            mu: Elementary.ln(median), sigma: Elementary.ln(ninetieth / median) / normal90)
    }

    /// One length, 1 to `WorkloadLimits.tokensMax`.
    package func draw(using random: inout SplitMix64) -> Int {
        let length: Double
        switch self {
        case .exactly(let count): return count
        case .uniform(let range): return range.lowerBound + random.below(range.count)
        case .lognormal(let mu, let sigma):
            length = Elementary.exp(mu + sigma * Draw.normal(using: &random))
        case .empirical(let quantiles):
            length = Self.interpolate(quantiles, at: random.fraction())
        }
        let bounded = Swift.min(length.rounded(), Double(WorkloadLimits.tokensMax))
        return Swift.max(1, Int(bounded))
    }

    /// Lengths outside of the known quantiles are those of the nearest one.
    private static func interpolate(_ quantiles: [Quantile], at share: Double) -> Double {
        guard let first = quantiles.first, let last = quantiles.last else { return 1 }
        guard let above = quantiles.firstIndex(where: { $0.share > share }) else {
            return last.length
        }
        guard above > 0 else { return first.length }
        let (a, b) = (quantiles[above - 1], quantiles[above])
        return a.length + (b.length - a.length) * (share - a.share) / (b.share - a.share)
    }
}
