// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Testing

struct EngineModelTests {
    @Test("a decode step of the reference card takes the published time")
    func stepTimes() {
        let profile = EngineProfile.card()
        for (batch, milliseconds) in [(1, 6.9), (32, 9.5), (128, 17.4), (256, 28.0)] {
            let time = profile.stepTime(
                chunk: 0, pairs: 0, running: batch, context: batch * 1024)
            #expect(abs(time.seconds * 1000 - milliseconds) < 0.35, "batch \(batch)")
        }
    }

    @Test("every profile has a name of its own and fits its own context")
    func profiles() {
        let names = EngineProfile.all.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names { #expect(EngineProfile.named(name)?.name == name) }
        for profile in EngineProfile.all { #expect(profile.blocks > 500, "\(profile.name)") }
        #expect(EngineProfile.named("none such") == nil)
    }

    @Test("a lone answer has one token a step and ends once, with its usage")
    func lone() {
        var bench = EngineBench(.card())
        #expect(bench.submit(1, prompt: 100, answer: 5) == .accepted)
        bench.run()
        #expect(bench.tokens(of: 1).count == 5)
        let usage = EngineUsage(promptTokens: 100, cachedTokens: 0, outputTokens: 5)
        #expect(bench.ends(of: 1) == [.finished(.init(1), .stop, usage)])
        #expect(bench.engine.stats.steps == 5)
        #expect(bench.engine.stats.blocksUsed == 0)
    }

    @Test("an answer longer than its bound ends with length")
    func length() {
        var bench = EngineBench(.card())
        #expect(bench.submit(1, prompt: 10, answer: 50, max: 7) == .accepted)
        bench.run()
        let usage = EngineUsage(promptTokens: 10, cachedTokens: 0, outputTokens: 7)
        #expect(bench.ends(of: 1) == [.finished(.init(1), .length, usage)])
    }

    @Test("work that only reads ends without a token")
    func reading() {
        var bench = EngineBench(.card())
        #expect(bench.submit(1, prompt: 40, answer: 0) == .accepted)
        bench.run()
        #expect(bench.events.count == 1)
        #expect(bench.ends(of: 1).count == 1)
    }

    @Test("a larger batch makes each token slower and the whole faster")
    func batch() {
        func run(_ jobs: UInt64) -> (gap: Double, rate: Double) {
            var bench = EngineBench(.card())
            for id in 0..<jobs { _ = bench.submit(id, prompt: 512, answer: 100) }
            bench.run()
            let times = bench.tokens(of: 0)
            let gap = (times[99] - times[50]).seconds / 49
            let whole = Double(bench.engine.stats.generatedTokens)
            return (gap, whole / bench.engine.stats.busy.seconds)
        }
        let one = run(1)
        let many = run(128)
        #expect(many.gap > one.gap * 1.5)
        #expect(many.rate > one.rate * 20)
    }

    @Test("a prompt longer than a chunk is computed in several steps beside the decodes")
    func chunks() {
        var bench = EngineBench(.card())
        _ = bench.submit(1, prompt: 100, answer: 50)
        _ = bench.submit(2, prompt: 20_000, answer: 1)
        bench.run()
        let stats = bench.engine.stats
        #expect(stats.prefilledTokens == 20_100)
        let first = bench.tokens(of: 2)[0]
        let meanwhile = bench.tokens(of: 1).filter { $0 < first }
        #expect(meanwhile.count == 2, "the short answer goes on while the long prompt is read")
    }

    @Test("a shared prefix is computed once")
    func prefix() {
        var bench = EngineBench(.card())
        let shared = chain(100, salt: 7)
        _ = bench.submit(1, prompt: 1600, hashes: shared, answer: 4)
        bench.run()
        #expect(bench.engine.stats.prefilledTokens == 1600)
        let again = Instant(nanoseconds: 10_000_000_000)
        let longer = shared + chain(10, salt: 8)
        _ = bench.submit(2, prompt: 1760, hashes: longer, answer: 4, at: again)
        bench.run()
        #expect(bench.engine.stats.prefilledTokens == 1760)
        #expect(bench.engine.stats.prefixHits == 1600)
        #expect(bench.engine.stats.prefixQueries == 1600 + 1760)
        let usage = EngineUsage(promptTokens: 1760, cachedTokens: 1600, outputTokens: 4)
        #expect(bench.ends(of: 2) == [.finished(.init(2), .stop, usage)])
        let cold = bench.tokens(of: 1)[0] - Instant(nanoseconds: 0)
        let warm = bench.tokens(of: 2)[0] - again
        #expect(warm.seconds < cold.seconds / 3)
    }

    @Test("a prompt that is wholly cached still computes its last block")
    func wholePrefix() {
        var bench = EngineBench(.card())
        let hashes = chain(4, salt: 1)
        _ = bench.submit(1, prompt: 64, hashes: hashes, answer: 1)
        bench.run()
        _ = bench.submit(
            2, prompt: 64, hashes: hashes, answer: 1, at: Instant(nanoseconds: 1_000_000_000))
        bench.run()
        #expect(bench.engine.stats.prefixHits == 48)
    }

    @Test("the answer is cached too when its hashes are known")
    func answerIsCached() {
        var bench = EngineBench(.card())
        let conversation = chain(8, salt: 3)
        _ = bench.submit(1, prompt: 64, hashes: conversation, answer: 65)
        bench.run()
        _ = bench.submit(
            2, prompt: 160, hashes: conversation, answer: 1,
            at: Instant(nanoseconds: 5_000_000_000))
        bench.run()
        #expect(bench.engine.stats.prefixHits == 128)
    }

    @Test("when memory runs short the newest job is pushed out, and all still complete")
    func preemption() {
        var bench = EngineBench(.card(cache: 1600))
        for id in 0..<4 as Range<UInt64> {
            #expect(bench.submit(id, prompt: 300, answer: 400) == .accepted)
        }
        bench.run()
        let stats = bench.engine.stats
        #expect(stats.preemptions > 0)
        #expect(stats.finishedStop == 4)
        #expect(stats.generatedTokens == 1600)
        #expect(stats.prefilledTokens > 1200, "a job that was pushed out is computed again")
        for id in 0..<4 as Range<UInt64> { #expect(bench.tokens(of: id).count == 400) }
    }

    @Test("jobs that could never fit and jobs behind a full queue are refused")
    func refusals() {
        var profile = EngineProfile.card(cache: 1600)
        profile.waitingMax = 2
        var bench = EngineBench(profile)
        #expect(
            bench.submit(1, prompt: 1500, answer: 200)
                == .refused(.tooLong(tokens: 1700, limit: 1600)))
        #expect(bench.submit(2, prompt: 10, answer: 1) == .accepted)
        #expect(bench.submit(2, prompt: 10, answer: 1) == .refused(.duplicate))
        #expect(bench.submit(3, prompt: 10, answer: 1) == .accepted)
        #expect(bench.submit(4, prompt: 10, answer: 1) == .refused(.queueFull(limit: 2)))
        #expect(bench.engine.stats.refused == 3)
    }

    @Test("a cancelled job says no more and gives its memory back")
    func cancel() {
        var bench = EngineBench(.card())
        _ = bench.submit(1, prompt: 1000, answer: 1000)
        bench.run(limit: 20)
        let told = bench.events.count
        #expect(told > 10)
        #expect(bench.engine.stats.blocksUsed > 60)
        let now = bench.instants[told - 1]
        let first = bench.engine.cancel(.init(1), at: now)
        let second = bench.engine.cancel(.init(1), at: now)
        #expect(first)
        #expect(!second)
        bench.run()
        #expect(bench.events.count == told)
        #expect(bench.engine.stats.blocksUsed == 0)
        #expect(bench.engine.stats.cancelled == 1)
    }

    @Test("an idle engine asks for no time")
    func idle() {
        var bench = EngineBench(.card())
        #expect(bench.engine.nextEventAt == nil)
        _ = bench.submit(1, prompt: 10, answer: 2)
        #expect(bench.engine.nextEventAt == Instant(nanoseconds: 0))
        bench.run()
        #expect(bench.engine.nextEventAt == nil)
    }

    @Test("the instant engine answers without time passing")
    func instant() {
        var bench = EngineBench(.instant)
        let now = Instant(nanoseconds: 5)
        _ = bench.submit(1, prompt: 10, answer: 64, at: now)
        bench.advance(to: now)
        #expect(bench.tokens(of: 1).count == 64)
        #expect(bench.ends(of: 1).count == 1)
    }

    @Test("the small engine feels alive: first token near 40 ms, then about 50 a second")
    func small() {
        var bench = EngineBench(.small)
        _ = bench.submit(1, prompt: 30, answer: 51)
        bench.run()
        let times = bench.tokens(of: 1)
        let first = (times[0] - Instant(nanoseconds: 0)).seconds
        let rate = 50 / (times[50] - times[0]).seconds
        #expect(first > 0.035 && first < 0.045)
        #expect(rate > 46 && rate < 54)
    }
}
