// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@Suite("A point on the calendar is read")
struct WallTimeParseTests {
    private func http(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        return WallTime(httpDate: bytes.span.bytes).map { $0.nanoseconds / 1_000_000_000 }
    }

    private func rfc3339(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        return WallTime(rfc3339: bytes.span.bytes)?.nanoseconds
    }

    @Test("from the three forms of HTTP")
    func httpForms() {
        #expect(http("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        #expect(http("Sunday, 06-Nov-94 08:49:37 GMT") == 784_111_777)
        #expect(http("Sun Nov  6 08:49:37 1994") == 784_111_777)
        #expect(http("Thu, 29 Feb 2024 23:59:60 GMT") == 1_709_251_200)
        #expect(http("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
    }

    @Test(
        "and not from what is none",
        arguments: [
            "", "soon", "120", "Sun, 31 Feb 2024 00:00:00 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
            "Thu, 29 Feb 2023 00:00:00 GMT", "Sun, 06 Nov 99999 08:49:37 GMT",
        ])
    func httpFaults(text: String) { #expect(http(text) == nil) }

    @Test("from RFC 3339, with fractions and zones")
    func rfc3339Forms() {
        #expect(rfc3339("1994-11-06T08:49:37Z") == 784_111_777_000_000_000)
        #expect(rfc3339("1994-11-06t08:49:37.25z") == 784_111_777_250_000_000)
        #expect(rfc3339("1994-11-06T10:49:37+02:00") == 784_111_777_000_000_000)
        #expect(rfc3339("1994-11-06T03:19:37-05:30") == 784_111_777_000_000_000)
        for text in [
            "1994-11-06 08:49:37Z", "1994-11-06T08:49:37", "1994-13-06T08:49:37Z",
            "1994-11-06T08:49:37.Z", "1994-11-06T08:49:37+2:00", "1994-11-06T08:49:37+25:00",
        ] {
            #expect(rfc3339(text) == nil, "\(text)")
        }
    }

    @Test("as it is written, on every day of almost three centuries")
    func roundTrip() {
        for day in stride(from: 0, to: 366 * 290, by: 1) {
            let time = WallTime(nanoseconds: Int64(day) * 86_400_000_000_000 + 3_723_000_000_000)
            var text: [UInt8] = []
            time.appendRFC3339(to: &text)
            #expect(WallTime(rfc3339: text.span.bytes) == time)
        }
    }

    @Test("never trapping, whatever the bytes")
    func hostile() {
        var random = SplitMix64(seed: 7)
        let letters = Array("Sun, 06 Nov 1994 08:49:37 GMT-TZ:.+9".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<random.below(42)).map { _ in letters[random.below(letters.count)] }
            _ = WallTime(httpDate: bytes.span.bytes)
            _ = WallTime(rfc3339: bytes.span.bytes)
        }
    }
}
