// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Testing

struct EngineFaultsTests {
    @Test("a crash loses every job once, and nothing is taken until the restart")
    func crash() {
        var faults = EngineFaults.none
        faults.crashAfterTokens = 20
        var bench = EngineBench(.card(), faults: faults)
        for id in 0..<3 as Range<UInt64> { _ = bench.submit(id, prompt: 50, answer: 100) }
        bench.run()
        #expect(bench.engine.stats.generatedTokens == 20)
        for id in 0..<3 as Range<UInt64> {
            #expect(bench.ends(of: id) == [.failed(.init(id), .crashed)])
        }
        #expect(bench.engine.isCrashed)
        #expect(bench.engine.stats.blocksUsed == 0)
        let later = Instant(nanoseconds: 60_000_000_000)
        #expect(bench.submit(9, prompt: 5, answer: 1, at: later) == .refused(.crashed))
        bench.engine.set(.none, at: later)
        bench.engine.restart()
        #expect(bench.submit(9, prompt: 5, answer: 1, at: later) == .accepted)
        bench.run()
        #expect(bench.ends(of: 9).count == 1)
    }

    @Test("a stalled answer goes silent until the fault is lifted")
    func stall() {
        var faults = EngineFaults.none
        faults.stallAfterTokens = 3
        var bench = EngineBench(.card(), faults: faults)
        _ = bench.submit(1, prompt: 50, answer: 10)
        bench.run()
        #expect(bench.tokens(of: 1).count == 3)
        #expect(bench.ends(of: 1).isEmpty)
        #expect(bench.engine.stats.running == 1)
        bench.engine.set(.none, at: Instant(nanoseconds: 90_000_000_000))
        bench.run()
        #expect(bench.tokens(of: 1).count == 10)
        #expect(bench.ends(of: 1).count == 1)
    }

    @Test("a reset comes after exactly its tokens")
    func reset() {
        var faults = EngineFaults.none
        faults.resetAfterTokens = 4
        var bench = EngineBench(.card(), faults: faults)
        _ = bench.submit(1, prompt: 50, answer: 10)
        _ = bench.submit(2, prompt: 50, answer: 4)
        bench.run()
        #expect(bench.tokens(of: 1).count == 4)
        #expect(bench.ends(of: 1) == [.failed(.init(1), .reset)])
        #expect(bench.engine.stats.finishedStop == 1)
    }

    @Test("every third job is refused with the chosen status")
    func failEvery() {
        var faults = EngineFaults.none
        faults.failEvery = 3
        faults.failStatus = 429
        var bench = EngineBench(.card(), faults: faults)
        let answers = (0..<9 as Range<UInt64>).map { bench.submit($0, prompt: 5, answer: 1) }
        let refused = answers.indices.filter { answers[$0] == .refused(.injected(status: 429)) }
        #expect(refused == [2, 5, 8])
    }

    @Test("a slow first token is late by the delay and no more")
    func slowFirstToken() {
        var plain = EngineBench(.card())
        _ = plain.submit(1, prompt: 50, answer: 3)
        plain.run()
        var faults = EngineFaults.none
        faults.firstTokenDelay = .seconds(2)
        var slow = EngineBench(.card(), faults: faults)
        _ = slow.submit(1, prompt: 50, answer: 3)
        slow.run()
        #expect(slow.tokens(of: 1)[0] - plain.tokens(of: 1)[0] == .seconds(2))
        #expect(slow.tokens(of: 1)[2] - plain.tokens(of: 1)[2] == .seconds(2))
    }

    @Test("a job that outgrows the memory fails and the others go on")
    func outOfMemory() {
        var faults = EngineFaults.none
        faults.outOfMemoryAboveTokens = 60
        var bench = EngineBench(.card(), faults: faults)
        _ = bench.submit(1, prompt: 50, answer: 30)
        _ = bench.submit(2, prompt: 20, answer: 30)
        bench.run()
        #expect(bench.ends(of: 1) == [.failed(.init(1), .outOfMemory)])
        #expect(bench.tokens(of: 1).count == 11)
        #expect(bench.tokens(of: 2).count == 30)
    }
}
