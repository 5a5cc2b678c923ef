// SPDX-License-Identifier: Apache-2.0

/// Writes numbers the way people read them.
package enum Figure {
    /// `value` with so many digits behind the point and a comma between thousands.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e15 else { return "\(value)" }
        var scale = 1
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64((abs(value) * Double(scale)).rounded())
        let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard decimals > 0 else { return sign + grouped(whole) }
        let digits = "\(part)"
        let zeros = String(repeating: "0", count: decimals - digits.count)
        return "\(sign)\(grouped(whole)).\(zeros)\(digits)"
    }

    /// `value` with a comma between thousands.
    private static func grouped(_ value: Int64) -> String {
        let digits = Array("\(value)")
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return text
    }

    /// `value` with three digits that count: `0.0123`, `1.23`, `12.3`, `1,234`.
    package static func short(_ value: Double) -> String {
        let size = abs(value)
        if size == 0 || size >= 100 { return fixed(value, decimals: 0) }
        return fixed(value, decimals: size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.1 ? 3 : 4)
    }

    /// An amount of money: at least two digits behind the point, and three that count.
    package static func money(_ value: Double) -> String {
        abs(value) >= 10 || value == 0 ? fixed(value, decimals: 2) : short(value)
    }

    /// `value` as `short` writes it, without zeros at its end: `5`, `0.25`.
    package static func plain(_ value: Double) -> String {
        var text = short(value)
        guard text.contains(".") else { return text }
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }

    /// Nanoseconds with the unit that suits them: `350 µs`, `41.2 ms`, `1.30 s`.
    package static func time(_ nanoseconds: Double) -> String {
        let (value, unit) = scaled(nanoseconds)
        return (unit == "ns" ? fixed(value, decimals: 0) : short(value)) + " \(unit)"
    }

    /// The same without zeros at the end of the number, for marks of a scale.
    package static func plainTime(_ nanoseconds: Double) -> String {
        let (value, unit) = scaled(nanoseconds)
        return value == 0 ? "0" : "\(plain(value)) \(unit)"
    }

    private static func scaled(_ nanoseconds: Double) -> (Double, String) {
        let size = abs(nanoseconds)
        if size >= 1e9 { return (nanoseconds / 1e9, "s") }
        if size >= 1e6 { return (nanoseconds / 1e6, "ms") }
        if size >= 1e3 { return (nanoseconds / 1e3, "µs") }
        return (nanoseconds, "ns")
    }

    /// A change as a percentage with its sign: `+12 %`, `-3.4 %`.
    package static func change(_ share: Double) -> String {
        let percent = share * 100
        let decimals = abs(percent) < 10 ? 1 : 0
        let text = fixed(percent, decimals: decimals)
        return (percent > 0 ? "+" : "") + text + " %"
    }
}
