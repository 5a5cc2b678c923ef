// SPDX-License-Identifier: Apache-2.0

extension WallTime {
    /// The point that `text` names in one of the three forms of a date in HTTP, or nil.
    ///
    /// ```
    ///  Sun, 06 Nov 1994 08:49:37 GMT     what everybody sends
    ///  Sunday, 06-Nov-94 08:49:37 GMT    RFC 850, obsolete
    ///  Sun Nov  6 08:49:37 1994          asctime, obsolete
    /// ```
    ///
    /// The day of the week is not compared with the date. Two digits of a year mean 1970 to 2069.
    ///
    /// **Source** RFC 9110 section 5.6.7.
    package init?(httpDate text: RawSpan) {
        guard text.byteCount >= 24, text.byteCount <= 40 else { return nil }
        let comma = text.firstIndex(of: UInt8(ascii: ","))
        var words = DateWords(at: comma.map { $0 + 1 } ?? 0)
        var civil = CivilTime()
        if comma == nil {
            guard words.next(text) != nil, let month = words.month(text),
                let day = words.number(text), words.clock(text, into: &civil),
                let year = words.number(text)
            else { return nil }
            (civil.year, civil.month, civil.day) = (year, month, day)
        } else {
            guard let day = words.number(text), let month = words.month(text),
                let year = words.number(text), words.clock(text, into: &civil)
            else { return nil }
            (civil.year, civil.month, civil.day) = (year, month, day)
        }
        if civil.year < 100 { civil.year += civil.year < 70 ? 2000 : 1900 }
        guard let point = civil.point else { return nil }
        self = point
    }

    /// The point that `text` names as RFC 3339 has it, `2026-01-31T09:05:07.5Z`, or nil.
    package init?(rfc3339 text: RawSpan) {
        guard text.byteCount >= 20, text.byteCount <= 40,
            text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"),
            text[10] | 0x20 == UInt8(ascii: "t"), text[13] == UInt8(ascii: ":"),
            text[16] == UInt8(ascii: ":")
        else { return nil }
        func number(_ range: Range<Int>) -> Int? { text.extracting(range).decimal }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19)
        else { return nil }
        let civil = CivilTime(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        guard let point = civil.point else { return nil }
        var at = 19
        var fraction: Int64 = 0
        if text[at] == UInt8(ascii: ".") {
            var unit: Int64 = 100_000_000
            at += 1
            let start = at
            while at < text.byteCount, ASCII.isDigit(text[at]) {
                fraction += Int64(text[at] &- UInt8(ascii: "0")) * unit
                unit /= 10
                at += 1
            }
            if at == start { return nil }
        }
        guard let offset = Self.offset(text.extracting(at..<text.byteCount)) else { return nil }
        self.init(nanoseconds: point.nanoseconds + fraction - offset * 1_000_000_000)
    }

    /// The seconds by which `zone`, `Z` or `+02:00`, is ahead; nil when it is neither.
    private static func offset(_ zone: RawSpan) -> Int64? {
        if zone.byteCount == 1 { return zone[0] | 0x20 == UInt8(ascii: "z") ? 0 : nil }
        guard zone.byteCount == 6, zone[3] == UInt8(ascii: ":"),
            let hours = zone.extracting(1..<3).decimal, hours < 24,
            let minutes = zone.extracting(4..<6).decimal, minutes < 60
        else { return nil }
        let seconds = Int64(hours * 3600 + minutes * 60)
        switch zone[0] {
        case UInt8(ascii: "+"): return seconds
        case UInt8(ascii: "-"): return -seconds
        default: return nil
        }
    }
}

/// A date and a time of day in UTC, as they are written.
private struct CivilTime {
    var year = 0
    var month = 0
    var day = 0
    var hour = 0
    var minute = 0
    var second = 0

    /// The point on the calendar, or nil when there is no such day or time. A leap second is the
    /// one behind it.
    ///
    /// **Source** civil date to days: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    var point: WallTime? {
        guard (1970...2261).contains(year), (1...12).contains(month), day >= 1,
            day <= daysInMonth, (0...23).contains(hour), (0...59).contains(minute),
            (0...60).contains(second)
        else { return nil }
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second
        return WallTime(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    private var daysInMonth: Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// The parts of a date of HTTP, one after another; blanks and hyphens stand between them.
private struct DateWords {
    /// Where the next part is looked for.
    var at: Int

    /// Where the next word of `text` lies, or nil at the end.
    mutating func next(_ text: RawSpan) -> Range<Int>? {
        while at < text.byteCount, Self.isGap(text[at]) { at += 1 }
        let start = at
        while at < text.byteCount, !Self.isGap(text[at]) { at += 1 }
        return start < at ? start..<at : nil
    }

    /// The next word as a number.
    mutating func number(_ text: RawSpan) -> Int? {
        guard let range = next(text) else { return nil }
        return text.extracting(range).decimal
    }

    /// The next word as a month, from 1.
    mutating func month(_ text: RawSpan) -> Int? {
        guard let range = next(text) else { return nil }
        for (number, name) in Self.months.enumerated()
        where text.extracting(range).equalsIgnoringCase(name) {
            return number + 1
        }
        return nil
    }

    /// The next word as a time of day; answers whether it is one.
    mutating func clock(_ text: RawSpan, into civil: inout CivilTime) -> Bool {
        guard let range = next(text), range.count == 8 else { return false }
        let start = range.lowerBound
        guard text[start + 2] == UInt8(ascii: ":"), text[start + 5] == UInt8(ascii: ":"),
            let hour = text.extracting(start..<start + 2).decimal,
            let minute = text.extracting(start + 3..<start + 5).decimal,
            let second = text.extracting(start + 6..<start + 8).decimal
        else { return false }
        (civil.hour, civil.minute, civil.second) = (hour, minute, second)
        return true
    }

    private static func isGap(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-")
    }

    private static let months: [StaticString] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
}
