// SPDX-License-Identifier: Apache-2.0

/// A length of time in whole nanoseconds; may be negative.
///
/// The standard library's `Duration` is 128 bits wide and costs a division to read back; this
/// one is a machine word, which is what timers, averages and histograms on the request path need.
@usableFromInline
package struct Nanoseconds: Hashable, Comparable, Sendable, Codable {
    /// The count of nanoseconds.
    @usableFromInline package var rawValue: Int64

    /// A length of `rawValue` nanoseconds.
    @inlinable
    package init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// No time at all.
    @inlinable
    package static var zero: Nanoseconds { Nanoseconds(0) }

    /// `n` microseconds.
    @inlinable
    package static func microseconds(_ n: Int64) -> Nanoseconds { Nanoseconds(n &* 1000) }

    /// `n` milliseconds.
    @inlinable
    package static func milliseconds(_ n: Int64) -> Nanoseconds { Nanoseconds(n &* 1_000_000) }

    /// `n` seconds.
    @inlinable
    package static func seconds(_ n: Int64) -> Nanoseconds { Nanoseconds(n &* 1_000_000_000) }

    /// The length as text, `12.345 ms`.
    package var milliseconds: String {
        let micro = rawValue / 1_000
        let rest = String(abs(micro % 1_000))
        let sign = micro < 0 && micro > -1_000 ? "-" : ""
        return "\(sign)\(micro / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest) ms"
    }

    /// The length in seconds.
    @inlinable
    package var seconds: Double { Double(rawValue) / 1e9 }

    @inlinable
    package static func < (a: Nanoseconds, b: Nanoseconds) -> Bool { a.rawValue < b.rawValue }
    /// The sum of two lengths.
    @inlinable
    package static func + (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds {
        Nanoseconds(a.rawValue &+ b.rawValue)
    }
    /// The difference of two lengths.
    @inlinable
    package static func - (a: Nanoseconds, b: Nanoseconds) -> Nanoseconds {
        Nanoseconds(a.rawValue &- b.rawValue)
    }
    /// `a` repeated `n` times.
    @inlinable
    package static func * (a: Nanoseconds, n: Int64) -> Nanoseconds {
        Nanoseconds(a.rawValue &* n)
    }
}

/// A point on the monotonic clock of one world: nanoseconds since an arbitrary start.
///
/// Pure code never reads a clock; it is handed an instant as its last parameter `at now:`.
@usableFromInline
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the world's start.
    @usableFromInline package var nanoseconds: UInt64

    /// The instant `nanoseconds` after the world's start.
    @inlinable
    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// An instant that is never reached.
    @inlinable
    package static var distantFuture: Instant { Instant(nanoseconds: .max) }

    @inlinable
    package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }
    /// The time from `b` to `a`.
    @inlinable
    package static func - (a: Instant, b: Instant) -> Nanoseconds {
        Nanoseconds(Int64(bitPattern: a.nanoseconds &- b.nanoseconds))
    }
    /// The instant `n` after `a`; stays at `distantFuture` when it would pass it.
    @inlinable
    package static func + (a: Instant, n: Nanoseconds) -> Instant {
        if n.rawValue < 0 {
            return Instant(nanoseconds: a.nanoseconds &- UInt64(bitPattern: -n.rawValue))
        }
        let (sum, over) = a.nanoseconds.addingReportingOverflow(UInt64(n.rawValue))
        return over ? .distantFuture : Instant(nanoseconds: sum)
    }
}

/// A point on the calendar: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
@usableFromInline
package struct WallTime: Hashable, Comparable, Sendable {
    /// Nanoseconds since the Unix epoch.
    @usableFromInline package var nanoseconds: Int64

    /// The point `nanoseconds` after the Unix epoch.
    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    @inlinable
    package static func < (a: WallTime, b: WallTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Appends the point as RFC 3339 with milliseconds, `2026-01-31T09:05:07.123Z` (24 bytes).
    ///
    /// **Source** days to civil date: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    package func appendRFC3339(to out: inout [UInt8]) {
        let totalSeconds = nanoseconds >= 0 ? nanoseconds / 1_000_000_000 : 0
        let milliseconds = Int(nanoseconds >= 0 ? nanoseconds / 1_000_000 % 1000 : 0)
        let days = Int(totalSeconds / 86_400)
        let secondOfDay = Int(totalSeconds % 86_400)
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthShifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthShifted + 2) / 5 + 1
        let month = monthShifted < 10 ? monthShifted + 3 : monthShifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        out.appendDecimal(year, width: 4)
        out.append(UInt8(ascii: "-"))
        out.appendDecimal(month, width: 2)
        out.append(UInt8(ascii: "-"))
        out.appendDecimal(day, width: 2)
        out.append(UInt8(ascii: "T"))
        out.appendDecimal(secondOfDay / 3600, width: 2)
        out.append(UInt8(ascii: ":"))
        out.appendDecimal(secondOfDay / 60 % 60, width: 2)
        out.append(UInt8(ascii: ":"))
        out.appendDecimal(secondOfDay % 60, width: 2)
        out.append(UInt8(ascii: "."))
        out.appendDecimal(milliseconds, width: 3)
        out.append(UInt8(ascii: "Z"))
    }
}
