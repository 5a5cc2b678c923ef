// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import Testing

@Suite("What holds for every ledger")
struct LedgerPropertyTests {
    /// The most that may have been used in a window of `length` by what kept its reservation.
    private func bound(_ limit: Limit, _ length: Nanoseconds) -> Int64 {
        let (high, low) = UInt64(limit.amount).multipliedFullWidth(
            by: UInt64(length.rawValue))
        let period = UInt64(limit.period.rawValue)
        return limit.burst + Int64(period.dividingFullWidth((high, low)).quotient) + 1
    }

    @Test("over no window more than the burst and what came back is admitted", arguments: 0..<40)
    func windows(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let limit = Limit.of(
            .tokens, Int64(random.below(500) + 1),
            per: .milliseconds(Int64(random.below(20_000) + 1)),
            burst: Int64(random.below(500) + 1))
        let sample = LedgerSample([limit])
        var admitted: [(at: Instant, amount: Int64)] = []
        for _ in 0..<600 {
            sample.wait(Nanoseconds(Int64(random.below(400_000_000))))
            // Never more than fits, so that nothing enters by way of a full bucket.
            let amount = Int64(random.below(Int(limit.burst))) + 1
            if sample.enters(amount) { admitted.append((sample.now, amount)) }
        }
        #expect(admitted.count > 5)
        for first in admitted.indices {
            var sum: Int64 = 0
            for last in first..<admitted.count {
                sum += admitted[last].amount
                let length = admitted[last].at - admitted[first].at
                #expect(sum <= bound(limit, length))
                if sum > bound(limit, length) { return }
            }
        }
        #expect(sample.ledger.invariants() == nil)
    }

    @Test("all loops together admit the burst, a little more, and what came back")
    func loops() {
        for loops in [1, 2, 3, 8] {
            let limit = Limit.of(.requests, 10, per: .seconds(10))
            let samples = (0..<loops).map { _ in LedgerSample([limit], loops: loops) }
            var count = 0
            for _ in 0..<1_000 {
                for loop in samples.indices {
                    while samples[loop].enters() { count += 1 }
                    samples[loop].wait(.milliseconds(100))
                }
            }
            // A hundred seconds: the burst, and ten times the amount.
            #expect(count <= 10 + loops - 1 + 100 && count >= 100, "\(loops): \(count)")
        }
    }

    /// Many requests under way at once, on several limits with several keys, through swaps.
    @Test("whatever happens, nothing is lost and every bound holds", arguments: 0..<60)
    func walk(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let limits: [Limit] = [
            .of(.requests, 40, per: .seconds(10), name: "r"),
            .of(.tokens, 3_000, per: .seconds(20), key: [.source], keysMax: 5, name: "t"),
            .of(.cost(.usd), 900, per: .seconds(5), burst: 2_000, name: "c"),
            .of(.requests, 6, per: .seconds(3), key: [.source], isAudit: true, name: "a"),
        ]
        let sample = LedgerSample(limits, loops: random.below(3) + 1)
        var present = limits
        var running: [Reservation] = []
        for _ in 0..<1_500 {
            sample.wait(Nanoseconds(Int64(random.below(60_000_000))))
            switch random.below(10) {
            case 0..<6:
                let asked = present.indices.filter { _ in random.below(4) > 0 }
                    .map { (LimitID($0), Int64(random.below(400))) }
                let before = sample.ledger.statistics(at: sample.now).map(\.level)
                let admission = sample.admit(asked, key: "k\(random.below(9))")
                if case .admitted(let reservation?) = admission { running.append(reservation) }
                if case .denied(let denial) = admission {
                    #expect(sample.ledger.statistics(at: sample.now).map(\.level) == before)
                    #expect(denial.wait > .zero && denial.untilFull >= denial.wait)
                }
            case 6..<9 where !running.isEmpty:
                let reservation = running.remove(at: random.below(running.count))
                if random.below(4) == 0 {
                    sample.ledger.release(reservation, at: sample.now)
                } else {
                    let tokens = random.below(3) == 0 ? nil : UInt64(random.below(2_000))
                    sample.ledger.settle(
                        reservation, Settlement(tokens: tokens, cost: tokens), at: sample.now)
                }
            case 9 where random.below(20) == 0:
                present = limits.filter { _ in random.below(5) > 0 }.shuffled(using: &random)
                sample.ledger.adopt(present, at: sample.now)
            default: break
            }
            #expect(sample.ledger.outstanding == running.count)
            try #require(sample.ledger.invariants() == nil)
        }
        for reservation in running { sample.ledger.release(reservation, at: sample.now) }
        #expect(sample.ledger.outstanding == 0 && sample.ledger.invariants() == nil)
        sample.wait(.seconds(100_000))
        for state in sample.ledger.statistics(at: sample.now) {
            #expect(state.level == nil || state.level ?? 0 > 0)
        }
    }

    @Test("equal histories give equal ledgers")
    func repeatable() {
        func run() -> [Int64?] {
            var random = SplitMix64(seed: 3)
            let sample = LedgerSample([.of(.tokens, 100, per: .seconds(7))])
            return (0..<200).map { _ in
                sample.wait(Nanoseconds(Int64(random.below(1_000_000_000))))
                _ = sample.enters(Int64(random.below(50)))
                return sample.level()
            }
        }
        #expect(run() == run())
    }
}
