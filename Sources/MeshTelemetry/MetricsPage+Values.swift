// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension [UInt8] {
    /// Appends `value` in decimal.
    mutating func appendDecimal(_ value: UInt64) {
        let first = count
        var rest = value
        repeat {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[first...].reverse()
    }

    /// Appends nanoseconds as seconds, exactly and without zeros at the end: `0.25`, `3.0`.
    mutating func appendSeconds(nanoseconds: UInt64) {
        appendDecimal(nanoseconds / 1_000_000_000)
        append(UInt8(ascii: "."))
        var rest = nanoseconds % 1_000_000_000
        var place: UInt64 = 100_000_000
        repeat {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest / place))
            rest %= place
            place /= 10
        } while rest > 0
    }

    /// Appends the upper bound of `bucket` as the number of a `le` label.
    ///
    /// Whole bounds have a decimal point in both formats: OpenMetrics wants it, and a bucket that
    /// was called `1` in one format and `1.0` in the other would be two series.
    mutating func appendBound(_ layout: BucketLayout, _ bucket: Int) {
        guard bucket < layout.bounds.count else { return append("+Inf" as StaticString) }
        switch layout.unit {
        case .seconds: appendSeconds(nanoseconds: layout.bounds[bucket])
        case .count:
            appendDecimal(layout.bounds[bucket])
            append(".0" as StaticString)
        case .fraction: appendFraction(tenThousandths: layout.bounds[bucket])
        }
    }

    /// Appends ten-thousandths as a fraction, exactly and without zeros at the end: `0.95`, `1.0`.
    mutating func appendFraction(tenThousandths: UInt64) {
        appendDecimal(tenThousandths / 10_000)
        append(UInt8(ascii: "."))
        var rest = tenThousandths % 10_000
        var place: UInt64 = 1_000
        repeat {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest / place))
            rest %= place
            place /= 10
        } while rest > 0
    }

    /// Appends text with backslashes and line ends escaped, and quotes where asked.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\" as StaticString)
            case UInt8(ascii: "\n"): append("\\n" as StaticString)
            case UInt8(ascii: "\"") where quotes: append("\\\"" as StaticString)
            default: append(byte)
            }
        }
    }
}
