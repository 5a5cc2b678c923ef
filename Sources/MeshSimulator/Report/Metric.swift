// SPDX-License-Identifier: Apache-2.0

package import MeshModel

/// One figure of a report: the table, the machine-readable forms and the comparison are all made
/// from the same list of these.
package struct Metric: Hashable, Sendable {
    /// What programs call it, with its unit last: `ttft_p95_ms`.
    package var key: String
    /// What people call it.
    package var label: String
    /// What is counted.
    package var unit: Unit
    /// Which way is better.
    package var better: Direction
    /// The value, or nil when nothing was there to measure.
    package var value: Double?
    /// Whether the sentence that compares two runs speaks of it.
    package var isHeadline = false

    /// What a figure counts.
    package enum Unit: Hashable, Sendable {
        /// Things.
        case count
        /// Things a second.
        case perSecond
        /// Nanoseconds.
        case time
        /// A part of a whole, 0 to 1.
        case share
        /// A plain number.
        case number
        /// Units of a currency, which the key and the label name.
        case money
    }

    /// Which way a figure is better.
    package enum Direction: Hashable, Sendable {
        /// Less is better.
        case lower
        /// More is better.
        case higher
        /// Neither.
        case neither
    }

    /// A figure of the given parts.
    package init(
        _ key: String, _ label: String, _ unit: Unit, _ better: Direction, _ value: Double?,
        isHeadline: Bool = false
    ) {
        self.key = key
        self.label = label
        self.unit = unit
        self.better = better
        self.value = value
        self.isHeadline = isHeadline
    }

    /// The value as people read it.
    package var text: String {
        guard let value else { return "-" }
        switch unit {
        case .count: return Figure.fixed(value, decimals: 0)
        case .perSecond, .number: return Figure.short(value)
        case .money: return Figure.money(value)
        case .time: return Figure.time(value)
        case .share: return Figure.fixed(value * 100, decimals: 1) + " %"
        }
    }

    /// The value in the unit that the key names, with at most six digits behind the point.
    package var json: JSONText {
        guard let value, abs(value) < 1e12 else { return .null }
        switch unit {
        case .count: return .number(Int(value.rounded()))
        case .perSecond, .number: return .fixed(Int((value * 1000).rounded()), decimals: 3)
        case .money: return .fixed(Int((value * 1_000_000).rounded()), decimals: 6)
        case .time: return .fixed(Int((value / 1000).rounded()), decimals: 3)
        case .share: return .fixed(Int((value * 10_000).rounded()), decimals: 4)
        }
    }
}
