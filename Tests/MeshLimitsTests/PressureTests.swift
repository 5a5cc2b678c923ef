// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshLimits
import MeshSnapshot
import Testing

@Suite("How short the process is") struct PressureTests {
    @Test("levels follow each other, and are left a little below where they begin")
    func levels() {
        var level = Pressure.none
        let way: [(Int, Pressure)] = [
            (699, .none), (700, .slowsDown), (690, .slowsDown), (669, .none),
            (950, .acceptsNothing),
            (921, .acceptsNothing), (919, .refuses), (869, .sheds), (980, .cuts), (0, .none),
        ]
        for (permille, expected) in way {
            level = level.next(at: permille)
            #expect(level == expected, "at \(permille)")
        }
    }

    @Test("what is shortest counts, and what has no bound does not")
    func shortest() {
        var reading = PressureReading()
        reading.memory = 1 << 40
        #expect(reading.permille == 0)
        reading.descriptors = 80
        reading.descriptorsMax = 100
        reading.buffered = 10
        reading.bufferedMax = 1000
        #expect(reading.permille == 800)
    }
}

@Suite("What limits have given out goes over to another process") struct LimitUsageTests {
    @Test("what was used stays used, on however many loops", arguments: [1, 2, 3])
    func goesOver(loops: Int) {
        let limit = Limit.of(.requests, 10, per: .seconds(3600))
        let before = LedgerSample([limit])
        for _ in 0..<7 { #expect(before.enters()) }
        let usage = before.ledger.usage(at: before.now)
        #expect(usage.map(\.used) == [7])
        let after = (0..<loops).map { _ in LedgerSample([limit], loops: loops) }
        var more = 0
        for loop in after {
            loop.ledger.take(usage, at: loop.now)
            while loop.enters() { more += 1 }
        }
        #expect(more <= 3 && more >= 3 - loops, "\(more)")
        #expect(after.allSatisfy { $0.ledger.invariants() == nil })
    }
}
