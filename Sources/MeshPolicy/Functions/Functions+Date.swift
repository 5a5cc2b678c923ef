// SPDX-License-Identifier: Apache-2.0

extension Functions {
    /// A part of a date in a time zone, or of a duration.
    static func date(
        _ function: Function, _ a: Value, zone: String, zones: [String: TimeZoneRules]
    ) throws(EvaluationFault) -> Value? {
        switch a {
        case .duration(let length): return part(function, of: length)
        case .timestamp(let time):
            let offset = try offset(zone, at: time.seconds, zones: zones)
            return part(function, of: time, offset: offset)
        default: return nil
        }
    }

    private static func offset(
        _ zone: String, at seconds: Int64, zones: [String: TimeZoneRules]
    ) throws(EvaluationFault) -> Int64 {
        if zone == "UTC" || zone.isEmpty { return 0 }
        if let rules = zones[zone] { return rules.offset(at: seconds) }
        var reader = DigitReader(Array(zone.utf8))
        guard let offset = reader.offset(needsSign: false), reader.isAtEnd else {
            throw EvaluationFault(.invalidArgument, "unknown time zone `\(zone.prefix(64))`")
        }
        return offset
    }

    /// Months, and days of a month, a week or a year, are counted from 0; `getDate` from 1.
    private static func part(
        _ function: Function, of time: Timestamp, offset: Int64
    ) -> Value? {
        let seconds = time.seconds + offset
        let days = seconds.floored(by: 86_400)
        let second = seconds - days * 86_400
        let date = CivilDate(daysSinceEpoch: days)
        switch function {
        case .getDate: return .int(date.day)
        case .getDayOfMonth: return .int(date.day - 1)
        case .getDayOfWeek: return .int((days + 4) - (days + 4).floored(by: 7) * 7)
        case .getDayOfYear: return .int(date.dayOfYear)
        case .getFullYear: return .int(date.year)
        case .getMonth: return .int(date.month - 1)
        case .getHours: return .int(second / 3_600)
        case .getMinutes: return .int(second / 60 % 60)
        case .getSeconds: return .int(second % 60)
        case .getMilliseconds: return .int(Int64(time.nanoseconds) / 1_000_000)
        default: return nil
        }
    }

    /// Hours, minutes and seconds are those of the whole length; milliseconds are the rest behind
    /// its seconds.
    private static func part(_ function: Function, of length: Int64) -> Value? {
        switch function {
        case .getHours: .int(length / 3_600_000_000_000)
        case .getMinutes: .int(length / 60_000_000_000)
        case .getSeconds: .int(length / 1_000_000_000)
        case .getMilliseconds: .int(length / 1_000_000 % 1_000)
        default: nil
        }
    }
}
