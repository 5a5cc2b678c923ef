// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@Suite("Instants, lengths of time and the calendar")
struct InstantTests {
    private func text(_ time: WallTime) -> String {
        var out: [UInt8] = []
        time.appendRFC3339(to: &out)
        return String(decoding: out, as: UTF8.self)
    }

    @Test("RFC 3339 text is that of Foundation at random moments")
    func againstFoundation() {
        let seed: UInt64 = 11
        var random = SplitMix64(seed: seed)
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        formatter.dateFormat = "yyyy-MM-dd'T'HH:mm:ss"
        for round in 0..<3000 {
            // Up to the year 2262, where 63 bits of nanoseconds end.
            let seconds = Int64(random.below(Int(Int64.max / 1_000_000_000)))
            let nanoseconds = Int64(random.below(1_000_000_000))
            let wall = WallTime(nanoseconds: seconds * 1_000_000_000 + nanoseconds)
            let date = Date(timeIntervalSince1970: TimeInterval(seconds))
            let milliseconds = String(1000 + nanoseconds / 1_000_000).dropFirst()
            let expected = "\(formatter.string(from: date)).\(milliseconds)Z"
            #expect(text(wall) == expected, "seed \(seed), round \(round)")
        }
    }

    @Test(
        "RFC 3339 text is right at the edges of days, months and years",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_735_689_600_000, "2025-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_456_000_000, "2100-02-28T00:00:00.000Z"),
        ])
    func edges(milliseconds: Int, expected: String) {
        #expect(text(WallTime(nanoseconds: Int64(milliseconds) * 1_000_000)) == expected)
    }

    @Test("an instant goes forward and back, and stays at the distant future")
    func arithmetic() {
        let start = Instant(nanoseconds: 1000)
        #expect(start + Nanoseconds(5) - start == Nanoseconds(5))
        #expect(start + Nanoseconds(-5) == Instant(nanoseconds: 995))
        #expect(start - (start + .seconds(1)) == Nanoseconds(-1_000_000_000))
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: .max - 5) + Nanoseconds(6) == .distantFuture)
        #expect(start < .distantFuture)
    }

    @Test("units of time are multiples of each other")
    func units() {
        #expect(Nanoseconds.microseconds(1000) == .milliseconds(1))
        #expect(Nanoseconds.milliseconds(1000) == .seconds(1))
        #expect(Nanoseconds.seconds(3).seconds == 3)
        #expect(Nanoseconds.seconds(1) - .milliseconds(1) == Nanoseconds(999_000_000))
        #expect(Nanoseconds.milliseconds(2) * 3 == .milliseconds(6))
    }
}
