// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// What of one limit belongs to one event loop.
///
/// Loops share nothing on the path of a request, so each of `n` loops owns one nth: what comes
/// back is divided exactly (the amount comes back in `n` times the period), what may be used at
/// once is rounded up, so that a small burst is not nothing. For the process that means: over any
/// window at most `burst + n - 1` at once and then the amount for each period. A caller on one
/// connection has one loop and so its share; one on many connections meets all of them.
package struct Allowance: Sendable, Hashable {
    /// The highest level: what may be used at once.
    package let capacity: Int64
    /// What comes back in `period`.
    package let amount: UInt64
    /// The time for that, in nanoseconds.
    package let period: UInt64
    /// The lowest level, below 0: one full amount of the share. What is used beyond is forgiven.
    package let floor: Int64

    /// The share of `limit` that one of `loops` has.
    package init(_ limit: Limit, loops: Int) {
        let loops = Int64(min(max(1, loops), Limits.loopsMax))
        capacity = Self.share(limit.burst, loops)
        amount = UInt64(max(1, limit.amount))
        period = UInt64(max(1, limit.period.rawValue)) &* UInt64(loops)
        floor = -Self.share(limit.amount, loops)
    }

    private static func share(_ whole: Int64, _ loops: Int64) -> Int64 {
        let whole = min(max(1, whole), Limit.amountMax)
        return (whole - 1) / loops + 1
    }

    /// The time in which `missing` comes back, given `remainder` of a unit (in parts of
    /// `period`) that came back already. Rounded up to the nanosecond.
    package func time(for missing: Int64, remainder: UInt64) -> Nanoseconds {
        guard missing > 0 else { return .zero }
        var (high, low) = UInt64(missing).multipliedFullWidth(by: period)
        let (rest, borrows) = low.subtractingReportingOverflow(remainder)
        low = rest
        if borrows { high &-= 1 }
        guard high < amount else { return Nanoseconds(.max) }
        let (quotient, left) = amount.dividingFullWidth((high, low))
        let rounded = quotient.addingReportingOverflow(left > 0 ? 1 : 0)
        return Nanoseconds(rounded.overflow ? .max : Int64(clamping: rounded.partialValue))
    }
}
