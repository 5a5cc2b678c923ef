// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
@testable import MeshRouting
import Testing

@Suite("a latency estimate")
struct LatencyEstimateTests {
    @Test("weighs the past as the exponential does", arguments: 0..<200)
    func exponential(step: Int) {
        let elapsed = Nanoseconds(Int64(step * step) * 10_000_000)
        let exact = exp(-elapsed.seconds / Limits.latencyDecay.seconds)
        let weight = LatencyEstimate.weight(of: elapsed)
        #expect(abs(weight - exact) <= 1e-7 * exact + 1e-16, "\(elapsed.seconds) s")
        #expect(LatencyEstimate.weight(of: Nanoseconds(-1)) == 1)
    }

    @Test("starts at the default, jumps to a peak and comes down slowly")
    func peaks() {
        var estimate = LatencyEstimate(at: instant(0))
        #expect(estimate.value(at: instant(0)) == 30e6)
        estimate.observe(.milliseconds(900), at: instant(0))
        #expect(estimate.value(at: instant(0)) == 900e6)
        estimate.observe(.milliseconds(100), at: instant(10_000))
        let wanted = (900 / M_E + 100 * (1 - 1 / M_E)) * 1e6
        #expect(abs(estimate.value(at: instant(10_000)) - wanted) < 1e3)
        #expect(estimate.value(at: instant(1_000_000)) == 1000)
    }

    @Test("doubles with each failure, up to a limit")
    func failures() {
        var estimate = LatencyEstimate(at: instant(0))
        estimate.observe(.milliseconds(100), at: instant(0))
        estimate.penalize(at: instant(0))
        #expect(estimate.value(at: instant(0)) == 200e6)
        for _ in 0..<20 { estimate.penalize(at: instant(0)) }
        #expect(estimate.value(at: instant(0)) == 10e9)
        estimate.observe(.seconds(60), at: instant(0))
        estimate.penalize(at: instant(0))
        #expect(estimate.value(at: instant(0)) == 60e9)
    }
}
