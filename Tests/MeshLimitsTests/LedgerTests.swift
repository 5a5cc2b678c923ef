// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import Testing

@testable import MeshLimits

@Suite("The ledger of limits")
struct LedgerTests {
    @Test("what is used up is refused until it has come back")
    func refuses() {
        let sample = LedgerSample([.of(.requests, 3, per: .seconds(60))])
        for _ in 0..<3 { #expect(sample.enters()) }
        let refused = sample.admit([(0, 1)])
        #expect(
            refused
                == .denied(
                    Denial(
                        limit: 0, needed: 1, left: 0, wait: .seconds(20),
                        untilFull: .seconds(60))))
        sample.wait(.seconds(20) + Nanoseconds(-1))
        #expect(!sample.enters())
        sample.wait(Nanoseconds(1))
        #expect(sample.enters() && !sample.enters())
        #expect(sample.ledger.invariants() == nil)
    }

    @Test("of two limits the second counts as well, and a refusal charges neither")
    func both() throws {
        let sample = LedgerSample([
            .of(.requests, 10, per: .seconds(60), name: "many"),
            .of(.requests, 2, per: .seconds(1), name: "few"),
        ])
        for _ in 0..<2 {
            let taken = try reservation(sample.admit([(0, 1), (1, 1)]))
            sample.ledger.settle(taken, Settlement(tokens: nil, cost: nil), at: sample.now)
        }
        guard case .denied(let denial) = sample.admit([(0, 1), (1, 1)]) else {
            Issue.record("the second limit was dropped")
            return
        }
        #expect(denial.limit == 1 && denial.wait == .milliseconds(500))
        #expect(sample.level(0) == 8 && sample.level(1) == 0)
        #expect(sample.ledger.outstanding == 0 && sample.ledger.invariants() == nil)
    }

    @Test("of two limits that refuse, the one that is longer in the way is named")
    func longest() {
        let sample = LedgerSample([
            .of(.requests, 1, per: .seconds(5), name: "short"),
            .of(.requests, 1, per: .seconds(90), name: "long"),
        ])
        for asked in [[0, 1], [1, 0]] as [[LimitID]] {
            _ = sample.admit(asked.map { ($0, 1) })
            guard case .denied(let denial) = sample.admit(asked.map { ($0, 1) }) else {
                Issue.record("nothing was refused")
                return
            }
            #expect(denial.limit == 1)
        }
    }

    @Test("usage settles the estimate, up and down")
    func settles() throws {
        let sample = LedgerSample([.of(.tokens, 1_000, per: .seconds(3_600))])
        let little = try reservation(sample.admit([(0, 400)]))
        #expect(sample.level() == 600)
        sample.ledger.settle(little, Settlement(tokens: 100, cost: nil), at: sample.now)
        #expect(sample.level() == 900)
        let much = try reservation(sample.admit([(0, 400)]))
        sample.ledger.settle(much, Settlement(tokens: 1_200, cost: nil), at: sample.now)
        #expect(sample.level() == -300)
        #expect(!sample.enters(1))
        let other = LedgerSample([.of(.tokens, 1_000, per: .seconds(3_600))])
        let silent = try reservation(other.admit([(0, 400)]))
        other.ledger.settle(silent, Settlement(tokens: nil, cost: nil), at: other.now)
        #expect(other.level() == 600 && other.ledger.invariants() == nil)
    }

    @Test("debt ends at one full amount")
    func floor() throws {
        let sample = LedgerSample([.of(.tokens, 100, per: .seconds(60), burst: 500)])
        let huge = try reservation(sample.admit([(0, 10)]))
        sample.ledger.settle(huge, Settlement(tokens: .max, cost: nil), at: sample.now)
        #expect(sample.level() == -100 && sample.ledger.invariants() == nil)
        sample.wait(.seconds(60))
        #expect(sample.level() == 0)
    }

    @Test("what never reached an upstream gives everything back")
    func releases() throws {
        let sample = LedgerSample([
            .of(.requests, 2, per: .seconds(60), name: "r"),
            .of(.tokens, 100, per: .seconds(60), name: "t"),
        ])
        for _ in 0..<20 {
            let taken = try reservation(sample.admit([(0, 1), (1, 70)]))
            #expect(sample.level(0) == 1 && sample.level(1) == 30)
            sample.ledger.release(taken, at: sample.now)
        }
        #expect(sample.level(0) == 2 && sample.level(1) == 100)
        #expect(sample.ledger.outstanding == 0 && sample.ledger.invariants() == nil)
    }

    @Test("a reservation counts once, however often it is used")
    func once() throws {
        let sample = LedgerSample([.of(.tokens, 1_000, per: .seconds(3_600))])
        let first = try reservation(sample.admit([(0, 100)]))
        sample.ledger.settle(first, Settlement(tokens: 50, cost: nil), at: sample.now)
        // The place of the first reservation belongs to the second by now.
        let second = try reservation(sample.admit([(0, 100)]))
        sample.ledger.settle(first, Settlement(tokens: 0, cost: nil), at: sample.now)
        sample.ledger.release(first, at: sample.now)
        #expect(sample.level() == 850 && sample.ledger.misuses == 2)
        sample.ledger.settle(second, Settlement(tokens: 100, cost: nil), at: sample.now)
        #expect(sample.level() == 850)
        #expect(sample.ledger.invariants() == "a reservation was used 2 times too often")
    }

    @Test("a request larger than the bucket enters when the bucket is full")
    func oversized() {
        let sample = LedgerSample([.of(.tokens, 100, per: .seconds(100))])
        #expect(sample.enters(250))
        #expect(sample.level() == -100)
        sample.wait(.seconds(199))
        #expect(!sample.enters(250))
        sample.wait(.seconds(1))
        #expect(sample.enters(250) && sample.ledger.invariants() == nil)
    }

    @Test("an audit refuses nothing, counts what it would refuse, and charges it nothing")
    func audit() {
        let sample = LedgerSample([.of(.requests, 2, per: .seconds(60), isAudit: true)])
        for _ in 0..<5 { #expect(sample.enters()) }
        #expect(sample.ledger.lastAudit == 0 && sample.level() == 0)
        var tally = LimitTally()
        sample.ledger.drainTallies { _, found in tally = found }
        #expect(tally.admitted == 2 && tally.audited == 3 && tally.refused == 0)
        sample.wait(.seconds(30))
        #expect(sample.enters() && sample.ledger.lastAudit == nil)
    }

    @Test("keys are counted apart, also long ones that begin alike")
    func keys() {
        let sample = LedgerSample([.of(.requests, 1, per: .seconds(60), key: [.source])])
        let long = String(repeating: "k", count: 5_000)
        for key in ["a", "b", long, long + "x", "é", " "] {
            #expect(sample.enters(key: key))
            #expect(!sample.enters(key: key))
        }
        // A request without the header, or with an empty one, has a key as well.
        #expect(sample.enters(key: "") && !sample.enters(key: ""))
        #expect(sample.ledger.statistics(at: sample.now)[0].keys == 7)
    }

    @Test("quotas tell of the tightest limit of a kind")
    func quotas() throws {
        let sample = LedgerSample([
            .of(.requests, 100, per: .seconds(60), name: "wide"),
            .of(.requests, 10, per: .seconds(10), name: "tight"),
            .of(.tokens, 1_000, per: .seconds(60), name: "tokens"),
            .of(.tokens, 10, per: .seconds(60), isAudit: true, name: "audit"),
        ])
        let taken = try reservation(sample.admit([(0, 1), (1, 1), (2, 300), (3, 5)]))
        let quota = sample.ledger.quota(of: taken, at: sample.now)
        #expect(quota.requests == Quota.Line(amount: 10, remaining: 9, reset: .seconds(1)))
        #expect(quota.tokens == Quota.Line(amount: 1_000, remaining: 700, reset: .seconds(18)))
        guard case .denied = sample.admit([(0, 1), (1, 1), (2, 701)]) else {
            Issue.record("nothing was refused")
            return
        }
        #expect(sample.ledger.lastQuota.tokens?.remaining == 700)
        #expect(sample.ledger.lastQuota.requests?.remaining == 9)
    }
}
