// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Draws from the distributions that workloads are made of.
enum Draw {
    /// An exponential variable of mean 1.
    static func exponential(using random: inout SplitMix64) -> Double {
        // 1 - fraction is never 0.
        -Elementary.ln(1 - random.fraction())
    }

    /// A normal variable of mean 0 and deviation 1.
    ///
    /// **Source**: Marsaglia, Bray, "A convenient method for generating normal variables", 1964.
    static func normal(using random: inout SplitMix64) -> Double {
        // The share of pairs that are kept is π/4, so this ends soon.
        while true {
            let x = 2 * random.fraction() - 1
            let y = 2 * random.fraction() - 1
            let square = x * x + y * y
            if square < 1, square > 1e-300 {
                return x * (-2 * Elementary.ln(square) / square).squareRoot()
            }
        }
    }

    /// A gamma variable of the given shape and mean 1.
    ///
    /// **Source**: Marsaglia, Tsang, "A simple method for generating gamma variables", 2000; for
    /// shapes below 1 their boost of a variable of the next shape.
    static func gamma(shape: Double, using random: inout SplitMix64) -> Double {
        if shape < 1 {
            let boosted = standardGamma(shape: shape + 1, using: &random)
            let factor = Elementary.exp(Elementary.ln(1 - random.fraction()) / shape)
            return boosted * factor / shape
        }
        return standardGamma(shape: shape, using: &random) / shape
    }

    private static func standardGamma(shape: Double, using random: inout SplitMix64) -> Double {
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal(using: &random)
            let root = 1 + c * x
            guard root > 0 else { continue }
            let v = root * root * root
            let u = 1 - random.fraction()
            if Elementary.ln(u) < 0.5 * x * x + d - d * v + d * Elementary.ln(v) { return d * v }
        }
    }
}
