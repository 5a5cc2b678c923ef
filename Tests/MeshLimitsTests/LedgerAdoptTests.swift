// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import Testing

@Suite("A ledger that takes another snapshot")
struct LedgerAdoptTests {
    private let requests = Limit.of(.requests, 10, per: .seconds(60), name: "r")
    private let tokens = Limit.of(.tokens, 100, per: .seconds(60), name: "t")

    @Test("a limit that stays keeps what was used, wherever it stands now")
    func keeps() {
        let sample = LedgerSample([requests, tokens])
        for _ in 0..<4 { #expect(sample.enters()) }
        sample.ledger.adopt([tokens, requests], at: sample.now)
        #expect(sample.level(0) == 100 && sample.level(1) == 6)
        #expect(sample.ledger.number(of: requests) == 1)
        #expect(sample.ledger.number(of: .of(.requests, 1, per: .seconds(1))) == nil)
    }

    @Test("what was used stays used when the amount changes")
    func resized() {
        for (amount, left) in [(20, 16), (5, 1), (2, -2), (1, -1)] as [(Int64, Int64)] {
            let sample = LedgerSample([requests])
            for _ in 0..<4 { #expect(sample.enters()) }
            sample.ledger.adopt(
                [.of(.requests, amount, per: .seconds(60), name: "r")], at: sample.now)
            #expect(sample.level() == left, "\(amount)")
            #expect(sample.ledger.invariants() == nil)
        }
    }

    @Test("a limit that counts something else begins anew, and so does one that comes back")
    func anew() {
        let sample = LedgerSample([requests])
        for _ in 0..<4 { #expect(sample.enters()) }
        var other = requests
        other.key = [.source]
        sample.ledger.adopt([other], at: sample.now)
        #expect(sample.ledger.statistics(at: sample.now)[0].keys == 0)
        sample.ledger.adopt([requests], at: sample.now)
        #expect(sample.level() == 10)
        #expect(sample.ledger.invariants() == nil)
    }

    @Test("a reservation survives a swap, and one whose limit is gone is owed nothing")
    func reservations() throws {
        let sample = LedgerSample([requests, tokens])
        let kept = try reservation(sample.admit([(0, 1), (1, 60)]))
        sample.ledger.adopt([tokens], at: sample.now)
        #expect(sample.level() == 40)
        // The place of the limit that is gone belongs to another one by now.
        sample.ledger.adopt(
            [tokens, .of(.requests, 3, per: .seconds(1), name: "new")], at: sample.now)
        sample.ledger.settle(kept, Settlement(tokens: 10, cost: nil), at: sample.now)
        #expect(sample.level(0) == 90 && sample.level(1) == 3)
        #expect(sample.ledger.outstanding == 0 && sample.ledger.invariants() == nil)
    }

    @Test("a smaller bound forgets nobody at once")
    func bounds() {
        var limit = Limit.of(.requests, 1, per: .seconds(60), key: [.source], keysMax: 50)
        let sample = LedgerSample([limit])
        for key in 0..<50 { #expect(sample.enters(key: "\(key)")) }
        limit.keysMax = 10
        sample.ledger.adopt([limit], at: sample.now)
        for key in 0..<50 { #expect(!sample.enters(key: "\(key)")) }
        #expect(sample.enters(key: "50"))
        #expect(sample.ledger.statistics(at: sample.now)[0].keys == 50)
        #expect(sample.ledger.invariants() == nil)
    }
}
