// SPDX-License-Identifier: Apache-2.0

import Foundation
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

    @Test("ln and exp agree with the C library's to the last places")
    func elementary() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<20_000 {
            let x = exp((random.fraction() - 0.5) * 600)
            #expect(abs(Elementary.ln(x) - log(x)) <= 2e-15 * max(1, abs(log(x))))
            let y = (random.fraction() - 0.5) * 1300
            #expect(abs(Elementary.exp(y) / exp(y) - 1) < 4e-15)
        }
        #expect(Elementary.ln(1) == 0)
        #expect(Elementary.exp(0) == 1)
        #expect(Elementary.exp(-1e9) == 0)
        #expect(Elementary.exp(1e9).isFinite)
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
