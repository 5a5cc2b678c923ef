// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import Testing

@Suite("Buckets that are forgotten")
struct EvictionTests {
    private let limit = Limit.of(.tokens, 100, per: .seconds(100), key: [.source], keysMax: 8)

    @Test("a full bucket is forgotten before one that was used, and nothing is lost then")
    func full() {
        let sample = LedgerSample([limit])
        #expect(sample.enters(50, key: "used"))
        for key in 0..<7 { #expect(sample.enters(0, key: "idle-\(key)")) }
        // The oldest is the one that was used; the others are full.
        for key in 0..<7 { #expect(sample.enters(0, key: "new-\(key)")) }
        #expect(!sample.enters(60, key: "used"))
        var evicted: UInt64 = 0
        sample.ledger.drainTallies { _, tally in evicted += tally.evicted }
        #expect(evicted == 0 && sample.ledger.invariants() == nil)
    }

    @Test("of buckets that were all used the one with the most left is forgotten, debt last")
    func debtors() {
        let sample = LedgerSample([limit])
        for key in 0..<7 { #expect(sample.enters(150, key: "debtor-\(key)")) }
        #expect(sample.enters(10, key: "modest"))
        #expect(sample.enters(20, key: "new"))
        for key in 0..<7 { #expect(!sample.enters(1, key: "debtor-\(key)")) }
        #expect(sample.enters(80, key: "new"), "the newcomer was forgotten in place of another")
        #expect(sample.enters(100, key: "modest"), "this one was forgotten, so it is full again")
        var evicted: UInt64 = 0
        sample.ledger.drainTallies { _, tally in evicted += tally.evicted }
        #expect(evicted == 2 && sample.ledger.invariants() == nil)
    }

    @Test("a bucket with a request under way is forgotten last, and the request harms nobody")
    func held() throws {
        let sample = LedgerSample([limit])
        var held: [Reservation] = []
        for key in 0..<8 {
            held.append(try reservation(sample.admit([(0, 100)], key: "held-\(key)")))
        }
        #expect(sample.enters(70, key: "new"))
        for reservation in held {
            sample.ledger.settle(
                reservation, Settlement(tokens: 200, cost: nil), at: sample.now)
        }
        #expect(sample.ledger.outstanding == 0 && sample.ledger.invariants() == nil)
        #expect(sample.enters(30, key: "new") && !sample.enters(1, key: "new"))
    }

    @Test("however many keys come, their number is bounded and every one is counted")
    func flood() {
        let sample = LedgerSample([
            .of(.requests, 1, per: .seconds(3_600), key: [.source], keysMax: 1_000)
        ])
        for key in 0..<20_000 {
            #expect(sample.enters(key: "\(key)"))
            #expect(!sample.enters(key: "\(key)"))
        }
        #expect(sample.ledger.statistics(at: sample.now)[0].keys == 1_000)
        #expect(sample.ledger.invariants() == nil)
    }
}
