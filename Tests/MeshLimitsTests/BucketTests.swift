// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import Testing

@Suite("Buckets")
struct BucketTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    @Test("nothing is lost or won however often a bucket is looked at", arguments: 0..<40)
    func exact(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        // Amounts that do not divide the period, so that every look leaves a fraction.
        let amount = Int64(random.below(1_000_000_007) + 1)
        let period = Nanoseconds(Int64(random.below(3_600_000_000_000) + 1))
        let limit = Limit.of(.tokens, amount, per: period, burst: Limit.amountMax)
        let allowance = Allowance(limit, loops: random.below(8) + 1)
        var often = Bucket(full: allowance, at: start)
        often.take(allowance.capacity, of: allowance)
        var once = often
        var now = start
        for _ in 0..<500 {
            now = now + Nanoseconds(Int64(random.below(1_000_000_000)))
            often.refill(allowance, at: now)
        }
        once.refill(allowance, at: now)
        #expect(often == once)
        let elapsed = now.nanoseconds - start.nanoseconds
        let (high, low) = allowance.amount.multipliedFullWidth(by: elapsed)
        let exact = allowance.period.dividingFullWidth((high, low))
        #expect(once.level == Int64(exact.quotient) && once.remainder == exact.remainder)
    }

    @Test("the wait is the shortest after which there is enough", arguments: 0..<60)
    func wait(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let amount = Int64(random.below(100_000) + 1)
        let limit = Limit.of(
            .tokens, amount, per: .milliseconds(Int64(random.below(100_000) + 1)))
        let allowance = Allowance(limit, loops: random.below(4) + 1)
        var bucket = Bucket(full: allowance, at: start)
        bucket.take(Int64(random.below(Int(allowance.capacity) * 2)), of: allowance)
        let now = start + Nanoseconds(Int64(random.below(1_000_000)))
        bucket.refill(allowance, at: now)
        let wanted = Int64(random.below(Int(allowance.capacity))) + 1
        let wait = bucket.wait(for: wanted, allowance)
        var after = bucket
        after.refill(allowance, at: now + wait)
        #expect(after.level >= wanted)
        guard wait > .zero else { return }
        var before = bucket
        before.refill(allowance, at: now + wait + Nanoseconds(-1))
        #expect(before.level < wanted)
    }

    @Test("the largest amounts over the longest period do not overflow")
    func extremes() {
        let limit = Limit.of(.cost(.usd), Limit.amountMax, per: Limit.periodMax)
        for loops in [1, 256, 5_000] {
            let allowance = Allowance(limit, loops: loops)
            var bucket = Bucket(full: allowance, at: start)
            bucket.take(.max, of: allowance)
            #expect(bucket.level == allowance.floor)
            bucket.refill(allowance, at: start + Nanoseconds(1))
            #expect(bucket.level > allowance.floor || bucket.remainder > 0)
            #expect(bucket.remainder < allowance.period)
            #expect(bucket.wait(for: allowance.capacity, allowance) > .zero)
            bucket.refill(allowance, at: Instant(nanoseconds: .max))
            #expect(bucket.level == allowance.capacity && bucket.remainder == 0)
            bucket.give(.max, to: allowance)
            #expect(bucket.level == allowance.capacity)
        }
        let smallest = Allowance(.of(.requests, 1, per: Limit.periodMax), loops: 256)
        var bucket = Bucket(full: smallest, at: start)
        bucket.take(1, of: smallest)
        #expect(bucket.wait(for: 1, smallest) == Limit.periodMax * 256)
    }

    @Test("a clock that stands still or runs backwards gives nothing")
    func backwards() {
        let allowance = Allowance(.of(.requests, 10, per: .seconds(1)), loops: 1)
        var bucket = Bucket(full: allowance, at: start)
        bucket.take(10, of: allowance)
        bucket.refill(allowance, at: start)
        bucket.refill(allowance, at: Instant(nanoseconds: 1))
        #expect(bucket.level == 0 && bucket.updated == start)
    }

    @Test("shares of all loops together are the amount, and a burst little more")
    func shares() {
        for amount in [1, 7, 100, 1_000_003] as [Int64] {
            for loops in [1, 2, 3, 16] {
                let whole = Limit.of(.requests, amount, per: .seconds(60))
                let share = Allowance(whole, loops: loops)
                // What comes back in a period over all loops.
                #expect(share.amount == UInt64(amount))
                #expect(share.period == 60_000_000_000 * UInt64(loops))
                let burst = share.capacity * Int64(loops)
                #expect(burst >= amount && burst < amount + Int64(loops))
            }
        }
    }
}
