// SPDX-License-Identifier: Apache-2.0

/// So many of so many, and what that says about the chance behind it.
///
/// The bounds are exact: whatever the chance is, a bound is on its wrong side with a probability
/// of at most `doubt`, however few observations there are. Approximations by a normal variable
/// are not, where errors are rare and `doubt` is small, which is what matters here.
///
/// **Source** Clopper, Pearson, "The use of confidence or fiducial limits illustrated in the case
/// of the binomial", Biometrika 26, 1934.
struct Proportion: Hashable {
    /// How many of them.
    var hits: UInt64
    /// How many there are.
    var trials: UInt64

    /// The share that was seen; 0 without trials.
    var share: Double { trials == 0 ? 0 : Double(hits) / Double(trials) }

    /// What the chance is at least.
    ///
    /// **Complexity** O(√n) in the trials.
    func lowerBound(doubt: Double) -> Double {
        guard hits > 0 else { return 0 }
        let a = Double(hits)
        let b = Double(trials - min(hits, trials)) + 1
        return Self.solve(upTo: share) { SpecialFunctions.beta(below: $0, a, b) < doubt }
    }

    /// What the chance is at most.
    func upperBound(doubt: Double) -> Double {
        guard hits < trials else { return 1 }
        let misses = Proportion(hits: trials - hits, trials: trials)
        return 1 - misses.lowerBound(doubt: doubt)
    }

    /// How far the chance behind this lies above that behind `other` at least.
    ///
    /// **Source** the method of variance estimates recovery: Newcombe, "Interval estimation for
    /// the difference between independent proportions", Statistics in Medicine 17, 1998, method
    /// 10; Zou, Donner, the same journal 27, 2008; here with exact bounds in the place of Wilson's.
    func excess(over other: Proportion, doubt: Double) -> Double {
        let down = share - lowerBound(doubt: doubt)
        let up = other.upperBound(doubt: doubt) - other.share
        return share - other.share - (down * down + up * up).squareRoot()
    }

    /// The point between 0 and `high` up to which `isBelow` holds.
    private static func solve(upTo high: Double, _ isBelow: (Double) -> Bool) -> Double {
        var low = 0.0
        var high = high
        for _ in 0..<Limits.bisections {
            let middle = (low + high) / 2
            if isBelow(middle) { low = middle } else { high = middle }
        }
        return low
    }
}
