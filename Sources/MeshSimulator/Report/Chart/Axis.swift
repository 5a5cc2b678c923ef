// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A scale from values to places, with the marks that stand on it.
struct Axis {
    /// Values that are marked.
    private(set) var ticks: [Double] = []
    private let low: Double
    private let high: Double
    private let isLogarithmic: Bool

    /// A scale from 0 to at least `most` in round steps, about `count` of them.
    init(linearTo most: Double, count: Int = 5) {
        let step = Self.roundStep(max(most, 1e-9) / Double(count))
        let steps = max(1, (max(most, 1e-9) / step - 1e-9).rounded(.up))
        low = 0
        high = step * steps
        isLogarithmic = false
        ticks = (0...Int(steps)).map { Double($0) * step }
    }

    /// A scale that ends where the values do; only the marks are round.
    init(exactlyTo most: Double, count: Int = 8) {
        let step = Self.roundStep(max(most, 1e-9) / Double(count))
        low = 0
        high = max(most, 1e-9)
        isLogarithmic = false
        ticks = (0...Int(high / step + 1e-9)).map { Double($0) * step }
    }

    /// A scale over powers of ten from `least` to `most`, both above 0.
    init(logarithmicFrom least: Double, to most: Double) {
        low = Self.power(atMost: least)
        var top = low
        while top < most { top *= 10 }
        high = top > low ? top : low * 10
        isLogarithmic = true
        var tick = low
        while tick <= high * 1.001 {
            ticks.append(tick)
            tick *= 10
        }
    }

    /// `other` in a unit that is `factor` times as small.
    init(_ other: Axis, factor: Double) {
        ticks = other.ticks.map { $0 * factor }
        low = other.low * factor
        high = other.high * factor
        isLogarithmic = other.isLogarithmic
    }

    /// The place of `value` between 0 and 1.
    func place(of value: Double) -> Double {
        if isLogarithmic {
            let bounded = min(high, max(low, value))
            return Elementary.ln(bounded / low) / Elementary.ln(high / low)
        }
        return min(1, max(0, (value - low) / (high - low)))
    }

    /// The step of the kind 1, 2, 5 that is nearest above `rough`.
    static func roundStep(_ rough: Double) -> Double {
        let power = power(atMost: rough)
        for factor in [1.0, 2, 5] where power * factor >= rough * 0.999 { return power * factor }
        return power * 10
    }

    private static func power(atMost value: Double) -> Double {
        var power = 1.0
        while power > value { power /= 10 }
        while power * 10 <= value { power *= 10 }
        return power
    }
}
