// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import Testing

@testable import MeshModel

@Suite struct FormatTests {
    /// Texts that were made to be accepted or nearly so.
    private static let seeds: [String] = [
        "chat", "chat-1", "-a", "a-", "a.b", "a..b", "*.a.b", "*.", "*", "", "A", "x-team", "x y",
        "/", "/a b", "/health", "a/b", "1h30m", "250ms", "10s", "1d", "100000s", "5m5m5m5m5m",
        "1.5s", "0s", "2026-01-31T12:00:00Z", "2026-01-31t12:00:00.25+01:00", "2026-1-31",
        "127.0.0.1", "256.1.1.1", "1.2.3", "01.2.3.4", "localhost", "http://a", "https://a:80/b",
        "ftp://a", "http://", "http://a?b", "http://a#b", "http://u@a", "200", "200-299",
        "99", "600", "200-", "OPENAI_API_KEY", "1A", "_", "text", "a\tb", "a\nb", "pinion.dev",
    ]

    /// Formats whose function knows more than a pattern can say: a range in order, a calendar.
    private static let stricter: Set<Format> = [
        .timestamp, .statusRange, .url, .ipAddress, .endpointAddress,
    ]

    @Test("the pattern and the function of a format agree", arguments: Format.allCases)
    func agree(format: Format) throws {
        let pattern = try NSRegularExpression(pattern: format.pattern)
        var random = SplitMix64(seed: StableHash.of(utf8: format.rawValue))
        let alphabet = Array("ab1-.*/:smhx AZ_%\u{7F}\t")
        var texts = Self.seeds
        for _ in 0..<2000 {
            let seed = Array(Self.seeds[random.below(Self.seeds.count)])
            var changed = seed
            let at = random.below(seed.count + 1)
            let character = alphabet[random.below(alphabet.count)]
            if random.below(2) == 0 || at == seed.count {
                changed.insert(character, at: at)
            } else {
                changed[at] = character
            }
            texts.append(String(changed))
        }
        for text in texts {
            let range = NSRange(text.startIndex..., in: text)
            let match = pattern.firstMatch(in: text, range: range)
            // `$` of this library also matches before a last line break, that of JSON Schema
            // does not.
            let matches = match?.range.length == range.length && text.count <= format.lengthMax
            let accepts = format.accepts(text)
            if Self.stricter.contains(format) {
                #expect(!accepts || matches, "\(format) accepts \(text.debugDescription)")
            } else {
                #expect(accepts == matches, "\(format) and \(text.debugDescription)")
            }
        }
    }

    @Test(
        "durations follow GEP-2257",
        arguments: [
            ("1h", 3_600_000), ("1h30m", 5_400_000), ("10s500ms", 10_500), ("0s", 0),
            ("99999h99999m99999s", 99_999 * 3_661_000),
        ])
    func durations(text: String, milliseconds: Int64) {
        #expect(Notation.duration(text) == .milliseconds(milliseconds))
    }

    @Test(
        "what is not a duration is refused",
        arguments: ["", "1", "s", "1.5s", "-1s", "1d", "100000s", "1h1h1h1h1h", "1 s", "1S"])
    func noDurations(text: String) {
        #expect(Notation.duration(text) == nil)
    }

    @Test(
        "sizes know powers of 1000 and 1024",
        arguments: [
            ("0", 0), ("64Ki", 65_536), ("1k", 1000), ("2M", 2_000_000), ("1Gi", 1 << 30),
        ])
    func sizes(text: String, bytes: Int) {
        #expect(Notation.byteSize(text) == bytes)
        #expect(Notation.byteSize(text + "B") == nil)
    }

    @Test(
        "times of RFC 3339 become seconds",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00.5Z", 951_825_600),
            ("2026-01-01T00:00:00+01:00", 1_767_222_000), ("1969-12-31T23:59:59Z", -1),
        ])
    func timestamps(text: String, seconds: Int64) {
        #expect(Notation.timestamp(text) == seconds)
    }

    @Test(
        "addresses of RFC 4291 are told from others",
        arguments: [
            ("::", true), ("::1", true), ("fd00::1:2", true), ("1:2:3:4:5:6:7:8", true),
            ("::ffff:10.0.0.1", true), ("1:2:3:4:5:6:7::", true), ("1::2::3", false),
            ("1:2:3:4:5:6:7", false), (":1", false), ("1:", false), ("12345::", false),
            ("g::", false), ("fe80::1%eth0", false), ("1:2:3:4:5:6:7:8:9", false),
            (":::", false), ("10.0.0.1", true), ("10.0.0", false), ("10.0.0.01", false),
        ])
    func addresses(text: String, isAddress: Bool) {
        #expect(Notation.isIPAddress(text) == isAddress)
    }

    @Test("a URL has a scheme, a host, a port and a base path") func urls() throws {
        let plain = try #require(URLParts("http://LOCALHOST:8000/v1//"))
        #expect(plain.host == "localhost" && plain.port == 8000 && plain.path == "/v1")
        #expect(plain.authority == "localhost:8000" && !plain.isSecure)
        let secure = try #require(URLParts("https://[::1]"))
        #expect(secure.host == "::1" && secure.port == 443 && secure.path.isEmpty)
        #expect(secure.authority == "[::1]" && secure.isSecure)
    }

    @Test(
        "what is not a base URL is refused",
        arguments: [
            "", "a", "ftp://a", "http://", "http://a:0", "http://a:65536", "http://a:b",
            "http://u@a", "http://a?q", "http://a/#f", "http://[::1", "http://[a]", "http://a b",
            "http://::1", "https://a:1:2", "http://[::1]x",
        ])
    func noURLs(text: String) {
        #expect(URLParts(text) == nil)
    }

    @Test(
        "the nearest name is found, and none when all are far",
        arguments: [
            ("backendRef", "backendRefs"), ("hostname", "hostnames"), ("MATCHES", "matches"),
            ("flters", "filters"), ("zzz", nil), ("mtaches", "matches"),
        ])
    func nearest(text: String, wanted: String?) {
        let names = ["backendRefs", "filters", "hostnames", "matches", "timeouts"]
        #expect(Suggestion.nearest(to: text, among: names) == wanted)
    }
}
