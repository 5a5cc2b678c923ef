// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// What is left of one allowance for one key: a token bucket in whole numbers.
///
/// The level rises with time up to the capacity and falls with use. What comes back between two
/// looks is a fraction of a unit more often than not; the fraction is kept, as a count of
/// `period`ths, so that nothing is lost or won however often the bucket is looked at.
///
/// **Source** the token bucket of RFC 2697, section 3, with one bucket; it decides as the generic
/// cell rate algorithm of ITU-T I.371 does for equal arrivals.
package struct Bucket: Sendable, Hashable {
    /// What is left; below 0 is debt.
    package private(set) var level: Int64
    /// The fraction of a unit above `level`, in parts of `Allowance.period`.
    package private(set) var remainder: UInt64 = 0
    /// When it was last looked at.
    package private(set) var updated: Instant

    /// A full bucket.
    package init(full allowance: Allowance, at now: Instant) {
        level = allowance.capacity
        updated = now
    }

    /// A bucket as it was seen.
    init(_ picture: BucketPicture) {
        level = picture.level
        remainder = picture.remainder
        updated = Instant(nanoseconds: picture.updated)
    }

    /// Adds what came back since the last look.
    package mutating func refill(_ allowance: Allowance, at now: Instant) {
        guard now > updated else { return }
        let elapsed = now.nanoseconds - updated.nanoseconds
        updated = now
        guard level < allowance.capacity else { return }
        let product = allowance.amount.multipliedFullWidth(by: elapsed)
        let (low, carries) = product.low.addingReportingOverflow(remainder)
        let high = product.high &+ (carries ? 1 : 0)
        let room = UInt64(allowance.capacity - level)
        guard high < allowance.period else { return fill(allowance) }
        let (gain, rest) =
            high == 0
            ? low.quotientAndRemainder(dividingBy: allowance.period)
            : allowance.period.dividingFullWidth((high, low))
        guard gain < room else { return fill(allowance) }
        level += Int64(gain)
        remainder = rest
    }

    /// Takes `count`, 0 or above. The level may fall to the floor and no further.
    package mutating func take(_ count: Int64, of allowance: Allowance) {
        let (rest, isOver) = level.subtractingReportingOverflow(count)
        level = isOver ? allowance.floor : max(rest, allowance.floor)
    }

    /// Gives `count` back, 0 or above.
    package mutating func give(_ count: Int64, to allowance: Allowance) {
        let (sum, isOver) = level.addingReportingOverflow(count)
        if isOver || sum >= allowance.capacity { fill(allowance) } else { level = sum }
    }

    /// Goes over from one allowance to another: what was used stays used.
    package mutating func move(from old: Allowance, to new: Allowance, at now: Instant) {
        refill(old, at: now)
        let used = old.capacity - level
        if old.period != new.period { remainder = 0 }
        level = max(new.capacity - used, new.floor)
        if level == new.capacity { remainder = 0 }
    }

    /// How long until the level is `wanted`, which is at most the capacity.
    package func wait(for wanted: Int64, _ allowance: Allowance) -> Nanoseconds {
        level >= wanted
            ? .zero : allowance.time(for: wanted - level, remainder: remainder)
    }

    private mutating func fill(_ allowance: Allowance) {
        level = allowance.capacity
        remainder = 0
    }
}
