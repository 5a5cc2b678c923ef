// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

/// Functions of analysis with the same bits everywhere.
@Suite("logarithm and exponential")
struct ElementaryTests {
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
}
