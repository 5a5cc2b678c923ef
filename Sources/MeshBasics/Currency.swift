// SPDX-License-Identifier: Apache-2.0

/// The code of a currency, three capital letters: `USD`. One machine word, so that a record may
/// hold it without a reference.
///
/// **Source** ISO 4217 for the shape of a code; which of them exist is not checked.
package struct Currency: Hashable, Sendable {
    /// The letters as ASCII, the first in the highest of the three low bytes.
    package let code: UInt32

    /// The currency with the code `text`, or nil when that is not three capital letters.
    package init?(_ text: String) {
        var code: UInt32 = 0
        guard text.utf8.count == 3 else { return nil }
        for byte in text.utf8 {
            guard byte &- UInt8(ascii: "A") < 26 else { return nil }
            code = code << 8 | UInt32(byte)
        }
        self.code = code
    }

    /// The currency with the code `code`.
    package init(code: UInt32) { self.code = code }

    /// The dollar, in which providers publish their prices.
    package static let usd = Currency(code: 0x55_53_44)

    /// The three letters.
    package var text: String {
        String(
            decoding: [
                UInt8(truncatingIfNeeded: code >> 16), UInt8(truncatingIfNeeded: code >> 8),
                UInt8(truncatingIfNeeded: code),
            ], as: UTF8.self)
    }
}

/// Sums of money are counted in trillionths of their currency's unit, in whole numbers: a token
/// that costs 0.15 for a million costs 150,000 of them, and no sum of tokens is ever rounded.
package enum Money {
    /// Trillionths of one unit of currency.
    package static let trillionthsPerUnit: UInt64 = 1_000_000_000_000
    /// Trillionths of a millionth of a unit.
    package static let trillionthsPerMillionth: Int64 = 1_000_000

    /// The digits behind the point of `trillionths`, without zeros at the end, as a number and
    /// how many digits it has.
    package static func fraction(_ trillionths: UInt64) -> (digits: UInt64, count: Int) {
        var rest = trillionths % trillionthsPerUnit
        var count = 12
        guard rest > 0 else { return (0, 0) }
        while rest % 10 == 0 {
            rest /= 10
            count -= 1
        }
        return (rest, count)
    }
}

extension [UInt8] {
    /// Appends trillionths of a unit as a decimal number of units: `0.00015`, `12.5`, `3`.
    package mutating func append(trillionths: UInt64) {
        appendDecimal(Int(trillionths / Money.trillionthsPerUnit))
        let (digits, count) = Money.fraction(trillionths)
        guard count > 0 else { return }
        append(UInt8(ascii: "."))
        appendDecimal(Int(digits), width: count)
    }
}
