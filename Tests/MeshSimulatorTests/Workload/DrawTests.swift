// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

/// The moments of many draws lie where theory says.
struct DrawTests {
    /// Mean and coefficient of variation.
    static func moments(_ values: [Double]) -> (mean: Double, variation: Double) {
        let mean = values.reduce(0, +) / Double(values.count)
        let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return (mean, square.squareRoot() / mean)
    }

    @Test("an exponential variable has mean 1 and variation 1")
    func exponential() {
        var random = SplitMix64(seed: 2)
        let found = Self.moments((0..<40_000).map { _ in Draw.exponential(using: &random) })
        #expect(abs(found.mean - 1) < 0.02)
        #expect(abs(found.variation - 1) < 0.03)
    }

    @Test("a normal variable has mean 0, deviation 1, and two thirds within it")
    func normal() {
        var random = SplitMix64(seed: 3)
        let values = (0..<40_000).map { _ in Draw.normal(using: &random) }
        let mean = values.reduce(0, +) / 40_000
        let square = values.reduce(0) { $0 + $1 * $1 } / 40_000
        #expect(abs(mean) < 0.02)
        #expect(abs(square - 1) < 0.03)
        #expect(abs(Double(values.count { abs($0) < 1 }) / 40_000 - 0.6827) < 0.01)
    }

    @Test(
        "a gamma variable has mean 1 and the variation of its shape",
        arguments: [0.04, 0.25, 0.7, 1, 3, 20])
    func gamma(shape: Double) {
        var random = SplitMix64(seed: 4)
        let found = Self.moments(
            (0..<60_000).map { _ in Draw.gamma(shape: shape, using: &random) })
        let variation = 1 / shape.squareRoot()
        #expect(abs(found.mean - 1) < 0.01 + 0.02 * variation)
        #expect(abs(found.variation / variation - 1) < 0.06)
    }
}
