// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshWire

/// What the head of an answer says about when its server takes more requests.
///
/// ```
///  Retry-After: 20 | Sun, 06 Nov 1994 08:49:37 GMT        any server
///  retry-after-ms: 1500                                   OpenAI, Azure OpenAI
///  x-ratelimit-remaining-tokens: 0                        OpenAI, Groq, vLLM gateways
///  x-ratelimit-reset-tokens: 6m0s | 1.5s | 120ms | 20
///  anthropic-ratelimit-requests-remaining: 0              Anthropic
///  anthropic-ratelimit-requests-reset: 2026-01-31T09:05:07Z
///  RateLimit: "default";r=0;t=30                          IETF draft; older ones:
///  RateLimit: limit=10, remaining=0, reset=30
///  RateLimit-Remaining: 0, RateLimit-Reset: 30
/// ```
///
/// **Source** RFC 9110 section 10.2.3; "Rate limits" of the OpenAI API guide and of the Anthropic
/// API reference; draft-ietf-httpapi-ratelimit-headers.
package struct RateLimit: Hashable, Sendable, Codable {
    /// How long the server asks to be left alone; nil when it does not say.
    package var retryAfter: Nanoseconds?
    /// Time until something that is used up is there again; nil when nothing is used up, or it is
    /// not said for how long.
    package var reset: Nanoseconds?

    /// What nobody said.
    package init(retryAfter: Nanoseconds? = nil, reset: Nanoseconds? = nil) {
        self.retryAfter = retryAfter
        self.reset = reset
    }

    /// What `head` says, read at `now` of the calendar. The server's own clock counts where it
    /// says what it shows (`Date`).
    ///
    /// **Complexity** O(fields); looks at two bytes of a name that says nothing about limits.
    package init(_ head: borrowing ResponseHead, _ bytes: RawSpan, at now: WallTime) {
        if let field = head.first(.retryAfter) {
            let value = bytes.extracting(field.valueRange.range)
            retryAfter = Self.wait(value, from: Self.clock(head, bytes) ?? now)
        }
        var used: [Used] = []
        for field in head.fields where field.name == .other {
            let name = bytes.extracting(field.nameRange.range)
            let value = bytes.extracting(field.valueRange.range)
            if name.equalsIgnoringCase("retry-after-ms"), let said = value.decimal {
                retryAfter = .milliseconds(Int64(min(said, Self.most)))
                continue
            }
            guard let kind = Self.kind(of: name) else { continue }
            if kind == 0..<0 {
                if let wait = Self.combined(value) { reset = max(reset ?? .zero, wait) }
                continue
            }
            let isRemaining = Self.holds("remaining", name, in: kind)
            guard isRemaining, value.equals("0") else { continue }
            let word = name.text.lowercased().replacing("remaining")
            used.append(Used(word: word))
        }
        guard !used.isEmpty else { return }
        let clock = Self.clock(head, bytes) ?? now
        for field in head.fields where field.name == .other {
            let name = bytes.extracting(field.nameRange.range)
            guard let kind = Self.kind(of: name), Self.holds("reset", name, in: kind) else {
                continue
            }
            let word = name.text.lowercased().replacing("reset")
            guard used.contains(Used(word: word)),
                let wait = Self.wait(bytes.extracting(field.valueRange.range), from: clock)
            else { continue }
            reset = max(reset ?? .zero, wait)
        }
    }

    /// What the server's own clock shows, if it says so.
    private static func clock(_ head: borrowing ResponseHead, _ bytes: RawSpan) -> WallTime? {
        guard let date = head.first(.date) else { return nil }
        return WallTime(httpDate: bytes.extracting(date.valueRange.range))
    }

    /// A name in which `remaining` or `reset` gave way to a mark, so that the two can be paired.
    private struct Used: Equatable {
        var word: String
    }

    /// The longest time that is believed, in milliseconds: a day.
    private static var most: Int { 86_400_000 }

    /// The bytes of `name` behind what says that it is about a limit; an empty range at 0 for the
    /// one that says all of it, and nil for a name about something else.
    private static func kind(of name: RawSpan) -> Range<Int>? {
        guard name.byteCount >= 9 else { return nil }
        let start: Int
        switch name[0] | 0x20 {
        case UInt8(ascii: "r"): start = 0
        case UInt8(ascii: "x"): start = 2
        case UInt8(ascii: "a"): start = 10
        default: return nil
        }
        guard name.byteCount >= start + 9,
            name.extracting(start..<start + 9).equalsIgnoringCase("ratelimit")
        else { return nil }
        if start == 0, name.byteCount == 9 { return 0..<0 }
        return start + 9..<name.byteCount
    }

    private static func holds(_ word: StaticString, _ name: RawSpan, in range: Range<Int>) -> Bool {
        let count = word.utf8CodeUnitCount
        var at = range.lowerBound
        while at + count <= range.upperBound {
            if name.extracting(at..<at + count).equalsIgnoringCase(word) { return true }
            at += 1
        }
        return false
    }

    /// The time that `value` names: seconds, a length as `6m0s`, or a point on the calendar.
    static func wait(_ value: RawSpan, from now: WallTime) -> Nanoseconds? {
        if let number = value.decimal {
            // A number that long is a point on the calendar, in seconds or milliseconds.
            if number > 100_000_000_000 {
                return until(
                    WallTime(nanoseconds: bounded(number, 9_000_000_000_000) * 1_000_000), from: now
                )
            }
            if number > 1_000_000_000 {
                return until(
                    WallTime(nanoseconds: bounded(number, 9_000_000_000) * 1_000_000_000), from: now
                )
            }
            return .seconds(Int64(min(number, most / 1000)))
        }
        if let point = WallTime(rfc3339: value) ?? WallTime(httpDate: value) {
            return until(point, from: now)
        }
        return length(value)
    }

    private static func bounded(_ number: Int, _ most: Int) -> Int64 { Int64(min(number, most)) }

    private static func until(_ point: WallTime, from now: WallTime) -> Nanoseconds {
        let wait = point.nanoseconds.subtractingReportingOverflow(now.nanoseconds)
        guard !wait.overflow else { return .milliseconds(Int64(most)) }
        return Nanoseconds(min(max(0, wait.partialValue), Int64(most) * 1_000_000))
    }

    /// A length as Go writes it: `1h2m3.5s`, `120ms`, or `1.5` for seconds; nil for anything else.
    private static func length(_ value: RawSpan) -> Nanoseconds? {
        guard value.byteCount > 0, value.byteCount <= 32 else { return nil }
        var sum: Double = 0
        var at = 0
        while at < value.byteCount {
            var number: Double = 0
            var scale: Double = 0
            let start = at
            while at < value.byteCount, ASCII.isDigit(value[at]) || value[at] == UInt8(ascii: ".") {
                if value[at] == UInt8(ascii: ".") {
                    if scale != 0 { return nil }
                    scale = 1
                } else {
                    number = number * 10 + Double(value[at] &- UInt8(ascii: "0"))
                    scale *= 10
                }
                at += 1
            }
            if at == start { return nil }
            if scale > 1 { number /= scale }
            let unitStart = at
            while at < value.byteCount, value[at] >= UInt8(ascii: "A") { at += 1 }
            let unit = value.extracting(unitStart..<at)
            if unit.equals("ms") {
                sum += number / 1000
            } else if unit.equals("s") || (unit.byteCount == 0 && at == value.byteCount) {
                sum += number
            } else if unit.equals("m") {
                sum += number * 60
            } else if unit.equals("h") {
                sum += number * 3600
            } else if unit.equals("d") {
                sum += number * 86_400
            } else if !(unit.equals("us") || unit.equals("ns")) {
                return nil
            }
        }
        return Nanoseconds(Int64(min(sum * 1000, Double(most)) * 1_000_000))
    }

    /// The time until what `RateLimit` says is used up is there again; nil when something is left.
    private static func combined(_ value: RawSpan) -> Nanoseconds? {
        var longest: Nanoseconds?
        var remaining: Int?
        var reset: Int?
        var start = 0
        for at in 0...value.byteCount {
            let byte = at < value.byteCount ? value[at] : UInt8(ascii: ",")
            guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: ";") else { continue }
            while start < at, value[start] == UInt8(ascii: " ") { start += 1 }
            let part = value.extracting(start..<at)
            start = at + 1
            if let name = part.firstIndex(of: UInt8(ascii: "=")) {
                let key = part.extracting(0..<name)
                let number = part.extracting(name + 1..<part.byteCount).decimal
                if key.equals("r") || key.equals("remaining") { remaining = number }
                if key.equals("t") || key.equals("reset") { reset = number }
            } else {
                // The name of the next policy of a list.
                (remaining, reset) = (nil, nil)
            }
            if remaining == 0, let seconds = reset {
                let wait = Nanoseconds.seconds(Int64(min(seconds, most / 1000)))
                longest = max(longest ?? .zero, wait)
            }
        }
        return longest
    }
}

extension String {
    /// The text with the first `word` in it replaced by a mark.
    fileprivate func replacing(_ word: String) -> String {
        let (all, sought) = (Array(utf8), Array(word.utf8))
        guard all.count >= sought.count else { return self }
        for start in 0...(all.count - sought.count)
        where all[start..<start + sought.count].elementsEqual(sought) {
            let rest = all[..<start] + [UInt8(ascii: "*")] + all[(start + sought.count)...]
            return String(decoding: rest, as: UTF8.self)
        }
        return self
    }
}
