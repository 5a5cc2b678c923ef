// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("What a head says about limits of its server")
struct RateLimitTests {
    /// Thursday, 1 January 2026, noon.
    private let now = WallTime(nanoseconds: 1_767_268_800_000_000_000)

    private func limit(_ fields: String...) throws -> RateLimit {
        let text =
            "HTTP/1.1 429 X\r\n\(fields.map { $0 + "\r\n" }.joined())content-length: 0\r\n\r\n"
        let bytes = Array(text.utf8)
        var head = ResponseHead()
        let isWhole = try head.parse(
            bytes.span.bytes, requestMethod: .post, limits: HeadLimits())
        try #require(isWhole)
        return RateLimit(head, bytes.span.bytes, at: now)
    }

    @Test("Retry-After in seconds, as a date, and in milliseconds")
    func retryAfter() throws {
        #expect(try limit("Retry-After: 20").retryAfter == .seconds(20))
        #expect(try limit("retry-after: 1.5").retryAfter == .milliseconds(1_500))
        #expect(
            try limit("Retry-After: Thu, 01 Jan 2026 12:00:30 GMT").retryAfter == .seconds(30))
        // The server's clock is ten seconds slow, and it knows best what it means.
        let skewed = try limit(
            "Date: Thu, 01 Jan 2026 11:59:50 GMT",
            "Retry-After: Thu, 01 Jan 2026 12:00:30 GMT")
        #expect(skewed.retryAfter == .seconds(40))
        #expect(
            try limit("Retry-After: Thu, 01 Jan 2026 11:00:00 GMT").retryAfter == .zero)
        #expect(try limit("retry-after-ms: 250").retryAfter == .milliseconds(250))
        #expect(try limit("Retry-After: 99999999").retryAfter == .seconds(86_400))
        #expect(try limit("Retry-After: later").retryAfter == nil)
        #expect(try limit("content-type: text/plain") == RateLimit())
    }

    @Test(
        "the lengths of OpenAI and Groq",
        arguments: [
            ("6m0s", 360_000), ("1s", 1_000), ("120ms", 120), ("1h2m3s", 3_723_000),
            ("2m59.56s", 179_560), ("7.66s", 7_660), ("17", 17_000), ("0s", 0),
        ])
    func lengths(text: String, milliseconds: Int64) throws {
        let found = try limit(
            "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: \(text)")
        #expect(found.reset == .milliseconds(milliseconds))
    }

    @Test("the longest of what is used up, and nothing of what is not")
    func kinds() throws {
        let both = try limit(
            "X-RateLimit-Remaining-Requests: 0", "X-RateLimit-Reset-Requests: 1s",
            "X-RateLimit-Remaining-Tokens: 0", "X-RateLimit-Reset-Tokens: 6m0s")
        #expect(both.reset == .seconds(360))
        let one = try limit(
            "x-ratelimit-remaining-requests: 59", "x-ratelimit-reset-requests: 1h",
            "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 2s")
        #expect(one.reset == .seconds(2))
        let none = try limit(
            "x-ratelimit-remaining-tokens: 10", "x-ratelimit-reset-tokens: 2s")
        #expect(none == RateLimit())
        #expect(try limit("x-ratelimit-remaining-tokens: 0").reset == nil)
    }

    @Test("Anthropic's instants")
    func anthropic() throws {
        let found = try limit(
            "anthropic-ratelimit-requests-remaining: 3",
            "anthropic-ratelimit-requests-reset: 2026-01-01T18:00:00Z",
            "anthropic-ratelimit-output-tokens-remaining: 0",
            "anthropic-ratelimit-output-tokens-reset: 2026-01-01T12:00:07Z")
        #expect(found.reset == .seconds(7))
    }

    @Test("numbers that are points on the calendar")
    func epochs() throws {
        let seconds = try limit("x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767268812")
        #expect(seconds.reset == .seconds(12))
        let milliseconds = try limit(
            "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1767268800250")
        #expect(milliseconds.reset == .milliseconds(250))
    }

    @Test("the IETF's draft, now and before")
    func draft() throws {
        #expect(try limit(#"RateLimit: "default";r=0;t=30"#).reset == .seconds(30))
        #expect(try limit(#"RateLimit: "default";r=5;t=30"#).reset == nil)
        #expect(
            try limit(#"RateLimit: "minute";r=3;t=30, "day";r=0;t=4000"#).reset == .seconds(4_000))
        #expect(
            try limit(#"RateLimit: "day";r=0, "minute";t=30"#).reset == nil,
            "two policies are not mixed up")
        #expect(try limit("RateLimit: limit=10, remaining=0, reset=9").reset == .seconds(9))
        #expect(try limit("RateLimit-Remaining: 0", "RateLimit-Reset: 8").reset == .seconds(8))
    }

    @Test("nothing hostile is believed or trapped on")
    func hostile() throws {
        var random = SplitMix64(seed: 11)
        let letters = Array("0123456789hms.,;=rt \"Z:-".utf8)
        for _ in 0..<5_000 {
            let value = String(
                decoding: (0..<random.below(24)).map { _ in letters[random.below(letters.count)] },
                as: UTF8.self)
            let found = try limit(
                "retry-after: \(value)", "ratelimit: \(value)", "x-ratelimit-remaining-a: 0",
                "x-ratelimit-reset-a: \(value)")
            for wait in [found.retryAfter, found.reset].compactMap({ $0 }) {
                #expect(wait >= .zero && wait <= .seconds(86_400), "\(value)")
            }
        }
    }
}
