// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The functions that tails of distributions are made of.
enum SpecialFunctions {
    /// The logarithm of the gamma function of `x` above 0; relative error below 1e-12.
    ///
    /// **Source** Stirling's series, NIST DLMF 5.11.1, from 12 upwards; below that the recurrence
    /// 5.5.1.
    static func lnGamma(_ x: Double) -> Double {
        var x = x
        var shift = 1.0
        while x < 12 {
            shift *= x
            x += 1
        }
        let inverse = 1 / x
        let square = inverse * inverse
        let series =
            inverse
            * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1_260 - square / 1_680)))
        let halfLnOfTwoPi = 0.918_938_533_204_672_7
        return (x - 0.5) * Elementary.ln(x) - x + halfLnOfTwoPi + series - Elementary.ln(shift)
    }

    /// The share of a beta distribution of `a` and `b` that lies below `x`.
    ///
    /// **Shape** `a` and `b` above 0, `x` from 0 to 1. **Complexity** O(√(a + b)).
    /// **Source** NIST DLMF 8.17.22 and 8.17.4.
    static func beta(below x: Double, _ a: Double, _ b: Double) -> Double {
        if x <= 0 { return 0 }
        if x >= 1 { return 1 }
        let power = a * Elementary.ln(x) + b * Elementary.ln(1 - x)
        let front = Elementary.exp(power + lnGamma(a + b) - lnGamma(a) - lnGamma(b))
        if x < (a + 1) / (a + b + 2) { return front * fraction(x, a, b) / a }
        return 1 - front * fraction(1 - x, b, a) / b
    }

    /// The continued fraction of the beta distribution.
    ///
    /// **Source** Lentz's way to evaluate one, as Thompson and Barnett changed it, 1986.
    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        func safe(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
        var c = 1.0
        var d = 1 / safe(1 - (a + b) * x / (a + 1))
        var result = d
        for step in 1...Limits.fractionSteps {
            let m = Double(step)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            d = 1 / safe(1 + even * d)
            c = safe(1 + even / c)
            result *= d * c
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / safe(1 + odd * d)
            c = safe(1 + odd / c)
            result *= d * c
            if abs(d * c - 1) < 1e-14 { break }
        }
        return result
    }

    /// The point that a standard normal variable passes with probability `tail`, above 0 and at
    /// most one half; absolute error below 0.0005, which is far less than what is normal about
    /// means of tokens.
    ///
    /// **Source** Hastings, in Abramowitz and Stegun, "Handbook of Mathematical Functions",
    /// 26.2.23.
    static func normalPoint(tail: Double) -> Double {
        guard tail < 0.5 else { return 0 }
        let t = (-2 * Elementary.ln(max(tail, 1e-300))).squareRoot()
        let above = 2.515517 + t * (0.802853 + t * 0.010328)
        let below = 1 + t * (1.432788 + t * (0.189269 + t * 0.001308))
        return t - above / below
    }
}
