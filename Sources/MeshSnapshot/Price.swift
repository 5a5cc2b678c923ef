// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What the tokens of a model cost, in trillionths of a unit of the currency for one token.
///
/// A price of `0.15` for a million tokens is 150,000; six decimals of a price for a million are
/// exact.
package struct Price: Sendable, Hashable {
    /// For a token that is read.
    package var input: Int64
    /// For a token that is written.
    package var output: Int64
    /// For a token that is read and that a cache answered for.
    package var cachedInput: Int64
    /// The currency.
    package var currency: Currency

    /// A price of the given parts, each 0 or above.
    package init(input: Int64, output: Int64, cachedInput: Int64, currency: Currency) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
        self.currency = currency
    }

    /// What so many tokens cost; `cachedInput` of them are part of `input`. Stays at the highest
    /// value rather than wrapping.
    package func cost(input count: UInt64, output written: UInt64, cachedInput: UInt64) -> Int64 {
        let cached = min(cachedInput, count)
        return Self.sum(
            Self.sum(
                Self.product(count - cached, input), Self.product(cached, self.cachedInput)),
            Self.product(written, output))
    }

    private static func product(_ count: UInt64, _ each: Int64) -> Int64 {
        let (product, isOver) = Int64(clamping: count).multipliedReportingOverflow(by: each)
        return isOver ? .max : product
    }

    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, isOver) = a.addingReportingOverflow(b)
        return isOver ? .max : sum
    }
}
