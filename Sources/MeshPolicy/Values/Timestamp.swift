// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A point on the calendar between the years 1 and 9999, as `google.protobuf.Timestamp` has it.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Whole seconds since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// The rest, 0 to 999,999,999; it always counts forward.
    package let nanoseconds: Int32

    /// The first and the last second.
    static let secondsRange: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
    static let perSecond: Int64 = 1_000_000_000

    /// The point at `seconds` and `nanoseconds`, which lie in their ranges.
    init(seconds: Int64, nanoseconds: Int32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// The point at `seconds` since the epoch, or nil outside of the years 1 to 9999.
    init?(checked seconds: Int64, nanoseconds: Int32 = 0) {
        guard Self.secondsRange.contains(seconds) else { return nil }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// The same point as `time`.
    package init(_ time: WallTime) {
        seconds = time.nanoseconds.floored(by: Self.perSecond)
        nanoseconds = Int32(time.nanoseconds - seconds * Self.perSecond)
    }

    package static func < (a: Timestamp, b: Timestamp) -> Bool {
        (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
    }

    /// The point `duration` nanoseconds later, or nil outside of the range.
    func adding(_ duration: Int64) -> Timestamp? {
        let whole = duration.floored(by: Self.perSecond)
        var rest = Int64(nanoseconds) + (duration - whole * Self.perSecond)
        var sum = seconds + whole
        if rest >= Self.perSecond {
            rest -= Self.perSecond
            sum += 1
        }
        return Timestamp(checked: sum, nanoseconds: Int32(rest))
    }

    /// Nanoseconds from `other` to here, or nil when they do not fit.
    func since(_ other: Timestamp) -> Int64? {
        let (whole, over) = (seconds - other.seconds)
            .multipliedReportingOverflow(by: Self.perSecond)
        if over { return nil }
        let rest = Int64(nanoseconds) - Int64(other.nanoseconds)
        let (sum, isOver) = whole.addingReportingOverflow(rest)
        return isOver ? nil : sum
    }
}

extension Int64 {
    /// The quotient, rounded down.
    func floored(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}

extension Timestamp {
    /// The point that `text` spells as RFC 3339, or nil.
    ///
    /// **Source** RFC 3339 section 5.6, with upper-case letters only; no leap seconds.
    init?(rfc3339 text: String) {
        var reader = DigitReader(Array(text.utf8))
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2),
            reader.take("-"), let day = reader.digits(2), reader.take("T"),
            let hour = reader.digits(2), reader.take(":"), let minute = reader.digits(2),
            reader.take(":"), let second = reader.digits(2)
        else { return nil }
        var nanoseconds: Int64 = 0
        if reader.take(".") {
            guard let fraction = reader.fraction() else { return nil }
            nanoseconds = fraction
        }
        var offset: Int64 = 0
        if !reader.take("Z") {
            guard let found = reader.offset() else { return nil }
            offset = found
        }
        guard reader.isAtEnd, (1...12).contains(month), day >= 1,
            day <= CivilDate.days(inMonth: month, of: year), hour < 24, minute < 60, second < 60
        else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
        self.init(checked: seconds, nanoseconds: Int32(nanoseconds))
    }

    /// The point as RFC 3339 in UTC, with as many digits of a second as it has.
    var rfc3339: String {
        let date = CivilDate(daysSinceEpoch: seconds.floored(by: 86_400))
        let second = Int(seconds - seconds.floored(by: 86_400) * 86_400)
        var out: [UInt8] = []
        out.appendDecimal(Int(date.year), width: 4)
        out.append("-")
        out.appendDecimal(Int(date.month), width: 2)
        out.append("-")
        out.appendDecimal(Int(date.day), width: 2)
        out.append("T")
        out.appendDecimal(second / 3_600, width: 2)
        out.append(":")
        out.appendDecimal(second / 60 % 60, width: 2)
        out.append(":")
        out.appendDecimal(second % 60, width: 2)
        out.appendFraction(Int(nanoseconds))
        out.append("Z")
        return String(decoding: out, as: UTF8.self)
    }
}

extension [UInt8] {
    /// Appends `.` and nine digits without the zeros at their end; nothing for 0.
    mutating func appendFraction(_ nanoseconds: Int) {
        guard nanoseconds != 0 else { return }
        append(UInt8(ascii: "."))
        appendDecimal(nanoseconds, width: 9)
        while last == UInt8(ascii: "0") { removeLast() }
    }
}

/// Reads the numbers of dates.
struct DigitReader {
    private let bytes: [UInt8]
    private var index = 0

    /// A reader at the front of `bytes`.
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether nothing is left.
    var isAtEnd: Bool { index == bytes.count }

    /// Steps over `byte` if it is next.
    mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard index < bytes.count, UInt32(bytes[index]) == byte.value else { return false }
        index += 1
        return true
    }

    /// The number that exactly `count` digits spell.
    mutating func digits(_ count: Int) -> Int64? {
        var value: Int64 = 0
        for _ in 0..<count {
            guard index < bytes.count, ASCII.isDigit(bytes[index]) else { return nil }
            value = value * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
            index += 1
        }
        return value
    }

    /// The digits behind a point as nanoseconds; those behind the ninth are dropped.
    mutating func fraction() -> Int64? {
        var value: Int64 = 0
        var count = 0
        while index < bytes.count, ASCII.isDigit(bytes[index]) {
            if count < 9 { value = value * 10 + Int64(bytes[index] - UInt8(ascii: "0")) }
            count += 1
            index += 1
        }
        guard count > 0 else { return nil }
        while count < 9 {
            value *= 10
            count += 1
        }
        return value
    }

    /// An offset from UTC as `+02:00`, in seconds; without a sign it is positive.
    mutating func offset(needsSign: Bool = true) -> Int64? {
        let isNegative = take("-")
        if !isNegative, !take("+"), needsSign { return nil }
        guard let hours = digits(2), take(":"), let minutes = digits(2), hours < 24, minutes < 60
        else { return nil }
        let seconds = hours * 3_600 + minutes * 60
        return isNegative ? -seconds : seconds
    }
}
