// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Writes the figures of a rollout the way people read them.
enum Words {
    /// A share as a percentage: `0.42 %`, `12 %`.
    static func percent(_ share: Double) -> String {
        let percent = share * 100
        let decimals = percent == percent.rounded() ? 0 : percent < 10 ? 2 : 1
        return fixed(percent, decimals) + " %"
    }

    /// A difference of shares in points: `1 point`, `0.5 points`.
    static func points(_ share: Double) -> String {
        let points = share * 100
        let text = fixed(points, points == points.rounded() ? 0 : 2)
        return text == "1" ? "1 point" : "\(text) points"
    }

    /// A time: `41.2 ms`, `1.30 s`, `10m`.
    static func time(_ time: Nanoseconds) -> String {
        let value = Double(time.rawValue)
        if value >= 1e9 { return fixed(value / 1e9, 2) + " s" }
        return fixed(value / 1e6, value >= 1e8 ? 0 : 1) + " ms"
    }

    /// A length of time as it is written in resources: `1h30m`, `10s`.
    static func length(_ time: Nanoseconds) -> String {
        let milliseconds = time.rawValue / 1_000_000
        if milliseconds % 1_000 != 0 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1_000
        let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        let text = parts.filter { $0.0 > 0 }.map { "\($0.0)\($0.1)" }.joined()
        return text.isEmpty ? "0s" : text
    }

    /// A number: `1234.5`, `0.0021`.
    static func number(_ value: Double) -> String {
        let size = abs(value)
        return fixed(value, size >= 100 ? 0 : size >= 1 ? 1 : 6)
    }

    private static func fixed(_ value: Double, _ decimals: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let (whole, part) = scaled.quotientAndRemainder(dividingBy: Int64(scale))
        let sign = value < 0 && scaled != 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(whole)" }
        let digits = "\(part)"
        return "\(sign)\(whole)." + String(repeating: "0", count: decimals - digits.count) + digits
    }
}
