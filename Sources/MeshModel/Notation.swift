// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The small notations of fields: durations, sizes, times, addresses, ranges.
package enum Notation {
    /// A duration after GEP-2257: one to four numbers of at most five digits, each with `h`,
    /// `m`, `s` or `ms`.
    ///
    /// **Source** https://gateway-api.sigs.k8s.io/geps/gep-2257/
    package static func duration(_ text: String) -> Nanoseconds? {
        var rest = Array(text.utf8)[...]
        var total = Nanoseconds.zero
        var parts = 0
        while !rest.isEmpty {
            let digits = rest.prefix { ASCII.isDigit($0) }
            guard (1...5).contains(digits.count), parts < 4,
                let number = Int64(String(decoding: digits, as: UTF8.self))
            else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !ASCII.isDigit($0) }
            rest = rest.dropFirst(unit.count)
            switch String(decoding: unit, as: UTF8.self) {
            case "h": total = total + .seconds(number * 3600)
            case "m": total = total + .seconds(number * 60)
            case "s": total = total + .seconds(number)
            case "ms": total = total + .milliseconds(number)
            default: return nil
            }
            parts += 1
        }
        return parts > 0 ? total : nil
    }

    /// A size in bytes: a number, perhaps with `k`, `M`, `G` (powers of 1000) or `Ki`, `Mi`,
    /// `Gi` (powers of 1024).
    package static func byteSize(_ text: String) -> Int? {
        let bytes = Array(text.utf8)
        let digits = bytes.prefix { ASCII.isDigit($0) }
        guard !digits.isEmpty, digits.count <= 15,
            let number = Int(String(decoding: digits, as: UTF8.self))
        else { return nil }
        let factor: Int
        switch String(decoding: bytes.dropFirst(digits.count), as: UTF8.self) {
        case "": factor = 1
        case "k": factor = 1000
        case "M": factor = 1_000_000
        case "G": factor = 1_000_000_000
        case "Ki": factor = 1 << 10
        case "Mi": factor = 1 << 20
        case "Gi": factor = 1 << 30
        default: return nil
        }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }

    /// A decimal number of 0 or above in millionths: at most nine digits, and at most six behind
    /// a point.
    package static func millionths(_ text: String) -> Int64? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let whole = parts.first, (1...2).contains(parts.count), (1...9).contains(whole.count),
            parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy(ASCII.isDigit) })
        else { return nil }
        let fraction = parts.count == 2 ? Array(parts[1]) : []
        guard fraction.count <= 6 else { return nil }
        let padded = fraction + Array(repeating: UInt8(ascii: "0"), count: 6 - fraction.count)
        return (Array(whole) + padded).reduce(0) { $0 * 10 + Int64($1 & 15) }
    }

    /// What a limit counts apart.
    package static func limitKey(_ text: String) -> LimitKey? {
        switch text {
        case "global": return .global
        case "source": return .source
        case "model": return .model
        case "identity": return .identity
        default:
            guard text.hasPrefix("header:") else { return nil }
            let name = text.dropFirst(7)
            guard !name.isEmpty, name.utf8.allSatisfy(Format.isTokenByte) else { return nil }
            return .header(name.lowercased())
        }
    }

    /// Seconds since the Unix epoch of a time after RFC 3339, section 5.6; fractions are cut.
    package static func timestamp(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy(ASCII.isDigit) else {
                return nil
            }
            return Int64(String(decoding: bytes[range], as: UTF8.self))
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16),
            let second = number(17..<19), (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second <= 60, bytes[4] == UInt8(ascii: "-"),
            bytes[7] == UInt8(ascii: "-"), bytes[10] | 0x20 == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":")
        else { return nil }
        var rest = bytes[19...]
        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix { ASCII.isDigit($0) }
            guard !fraction.isEmpty else { return nil }
            rest = rest.dropFirst(fraction.count + 1)
        }
        guard let offset = zoneOffset(rest) else { return nil }
        // Days from 1970-01-01 in the proleptic Gregorian calendar, years counted from March.
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        let days = era * 146_097 + dayOfEra - 719_468
        return days * 86_400 + hour * 3600 + minute * 60 + second - offset
    }

    private static func zoneOffset(_ zone: ArraySlice<UInt8>) -> Int64? {
        let bytes = Array(zone)
        if bytes.count == 1, bytes[0] | 0x20 == UInt8(ascii: "z") { return 0 }
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"),
            bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
            let hours = Int64(String(decoding: bytes[1...2], as: UTF8.self)),
            let minutes = Int64(String(decoding: bytes[4...5], as: UTF8.self)),
            (0..<24).contains(hours), (0..<60).contains(minutes)
        else { return nil }
        return (hours * 3600 + minutes * 60) * (bytes[0] == UInt8(ascii: "-") ? -1 : 1)
    }

    /// `204` or `200-299`.
    package static func statusRange(_ text: String) -> ClosedRange<Int>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count) else { return nil }
        let bounds = parts.compactMap { part in
            part.utf8.count == 3 && part.utf8.allSatisfy(ASCII.isDigit) ? Int(part) : nil
        }
        guard bounds.count == parts.count, let first = bounds.first, let last = bounds.last,
            first <= last, (100...599).contains(first), (100...599).contains(last)
        else { return nil }
        return first...last
    }

    /// Whether `text` is an IPv4 or IPv6 address (RFC 4291, section 2.2), without zone.
    package static func isIPAddress(_ text: String) -> Bool {
        text.utf8.contains(UInt8(ascii: ":")) ? isIPv6(text) : isIPv4(text[...])
    }

    private static func isIPv4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count) && part.utf8.allSatisfy(ASCII.isDigit)
                    && (part.utf8.count == 1 || part.utf8.first != UInt8(ascii: "0"))
                    && (Int(part) ?? 256) <= 255
            }
    }

    private static func isIPv6(_ text: String) -> Bool {
        var groups = 0
        var hasGap = false
        var parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.count <= 9 else { return false }
        if parts[0].isEmpty {
            guard parts[1].isEmpty else { return false }
            parts.removeFirst()
        }
        if parts[parts.count - 1].isEmpty {
            guard parts.count >= 2, parts[parts.count - 2].isEmpty else { return false }
            parts.removeLast()
        }
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                guard !hasGap else { return false }
                hasGap = true
            } else if index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
                guard isIPv4(part) else { return false }
                groups += 2
            } else {
                guard part.utf8.count <= 4,
                    part.utf8.allSatisfy({ ASCII.hexValue($0) != nil })
                else { return false }
                groups += 1
            }
        }
        return hasGap ? groups <= 7 : groups == 8
    }
}
