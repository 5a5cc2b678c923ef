// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import Testing

@Suite("Prices")
struct PriceTests {
    private let price = Price(input: 150_000, output: 600_000, cachedInput: 75_000, currency: .usd)

    @Test("cached tokens are part of those read and cost what they cost")
    func cost() {
        #expect(price.cost(input: 0, output: 0, cachedInput: 0) == 0)
        #expect(price.cost(input: 1_000_000, output: 0, cachedInput: 0) == 150_000_000_000)
        #expect(price.cost(input: 10, output: 2, cachedInput: 4) == 900_000 + 300_000 + 1_200_000)
        // A server that counts cached ones beside the others.
        #expect(price.cost(input: 10, output: 0, cachedInput: 25) == 750_000)
    }

    @Test("no count of tokens wraps")
    func extremes() {
        #expect(price.cost(input: .max, output: .max, cachedInput: 0) == .max)
        #expect(price.cost(input: .max, output: 0, cachedInput: .max) == .max)
        let free = Price(input: 0, output: 0, cachedInput: 0, currency: .usd)
        #expect(free.cost(input: .max, output: .max, cachedInput: .max) == 0)
    }
}
