// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@Suite("Sums of money")
struct CurrencyTests {
    @Test("a currency is three capital letters")
    func codes() {
        #expect(Currency("EUR")?.text == "EUR" && Currency("USD") == .usd)
        #expect(Currency.usd.text == "USD")
        for text in ["", "US", "usd", "USDT", "U$D", "ÜSD"] { #expect(Currency(text) == nil) }
    }

    @Test(
        "sums are written as short as they are exact",
        arguments: [
            (0, "0"), (1, "0.000000000001"), (1_000_000_000_000, "1"), (150_000, "0.00000015"),
            (12_500_000_000_000, "12.5"), (.max, "18446744.073709551615"),
        ] as [(UInt64, String)])
    func text(trillionths: UInt64, expected: String) {
        var out: [UInt8] = []
        out.append(trillionths: trillionths)
        #expect(String(decoding: out, as: UTF8.self) == expected)
    }
}
