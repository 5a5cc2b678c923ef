// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Lengths of time as texts: `1h30m`, `1.5s`, `-250ms`.
enum DurationText {
    /// Units and the nanoseconds in them, longest name first.
    private static let units: [(name: [UInt8], nanoseconds: Int64)] = [
        (Array("ns".utf8), 1), (Array("us".utf8), 1_000), (Array("µs".utf8), 1_000),
        (Array("μs".utf8), 1_000), (Array("ms".utf8), 1_000_000), (Array("s".utf8), 1_000_000_000),
        (Array("m".utf8), 60_000_000_000), (Array("h".utf8), 3_600_000_000_000),
    ]

    /// The nanoseconds that `text` spells, or nil: also when they do not fit into 64 bits.
    static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        var index = 0
        var isNegative = false
        if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            index = 1
        }
        if bytes[index...].elementsEqual("0".utf8) { return 0 }
        guard index < bytes.count else { return nil }
        var total: Int64 = 0
        while index < bytes.count {
            guard let part = part(bytes, &index) else { return nil }
            let (sum, isOver) = total.subtractingReportingOverflow(part)
            if isOver { return nil }
            total = sum
        }
        if isNegative { return total }
        let (positive, isOver) = Int64(0).subtractingReportingOverflow(total)
        return isOver ? nil : positive
    }

    /// One number with its unit.
    private static func part(_ bytes: [UInt8], _ index: inout Int) -> Int64? {
        var whole: Int64 = 0
        var digits = 0
        while index < bytes.count, ASCII.isDigit(bytes[index]) {
            let digit = Int64(bytes[index] - UInt8(ascii: "0"))
            let (tens, isOver) = whole.multipliedReportingOverflow(by: 10)
            let (sum, isOverToo) = tens.addingReportingOverflow(digit)
            if isOver || isOverToo { return nil }
            whole = sum
            digits += 1
            index += 1
        }
        var fraction: Int64 = 0
        var scale: Int64 = 1
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            while index < bytes.count, ASCII.isDigit(bytes[index]) {
                if scale < 1_000_000_000 {
                    fraction = fraction * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
                    scale *= 10
                }
                digits += 1
                index += 1
            }
        }
        guard digits > 0, let unit = units.first(where: { bytes[index...].starts(with: $0.name) })
        else { return nil }
        index += unit.name.count
        let (product, isOver) = whole.multipliedReportingOverflow(by: unit.nanoseconds)
        // The scale is a power of ten up to 10⁹, the unit up to 3.6 · 10¹²: in doubles.
        let rest = Int64(Double(fraction) * (Double(unit.nanoseconds) / Double(scale)))
        let (sum, isOverToo) = product.addingReportingOverflow(rest)
        return isOver || isOverToo ? nil : sum
    }

    /// The text of `nanoseconds` in seconds: `5400s`, `-0.25s`.
    static func text(_ nanoseconds: Int64) -> String {
        var out: [UInt8] = []
        if nanoseconds < 0 { out.append("-") }
        out.append(String(nanoseconds.magnitude / 1_000_000_000))
        out.appendFraction(Int(nanoseconds.magnitude % 1_000_000_000))
        out.append("s")
        return String(decoding: out, as: UTF8.self)
    }
}
