// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

/// What generated workloads promise, for every kind.
struct WorkSourceTests {
    static let texts = [
        "even:rate=20", "poisson:rate=50,input=~1000,output=~200", "burst:rate=50,cv=4",
        "burst:rate=30,on=2s,off=6s", "chat:users=50,turns=~4,think=2s,prefix=500,prefixes=3",
        "poisson:rate=10,prefix=400,prefixes=20,stream=false",
    ]

    static func items(
        _ texts: [String], seed: UInt64 = 7, count: Int = 2000
    ) throws -> [WorkItem] {
        var source = WorkSource(
            try texts.map { try WorkloadSpec.parse($0) }, model: "m", seed: seed)
        var items: [WorkItem] = []
        while items.count < count, let item = source.next() { items.append(item) }
        return items
    }

    @Test("requests come in order of time and follow from the seed", arguments: texts)
    func orderAndSeed(text: String) throws {
        let items = try Self.items([text])
        #expect(items.count == 2000)
        #expect(zip(items, items.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(try Self.items([text]) == items)
        #expect(try Self.items([text], seed: 8) != items)
        #expect(items.allSatisfy { $0.prefix.count == $0.promptTokens / 16 })
    }

    @Test("workloads mix in order of time without touching one another")
    func mixed() throws {
        let mixed = try Self.items(Self.texts)
        #expect(zip(mixed, mixed.dropFirst()).allSatisfy { $0.at <= $1.at })
        let first = try Self.items([Self.texts[0]], count: 100)
        let found = mixed.filter { $0.session >> 40 == 0 }
        #expect(found.prefix(50).elementsEqual(first.prefix(50)))
    }

    @Test(
        "the rate is met",
        arguments: [
            ("even:rate=40", 40.0), ("poisson:rate=40", 40), ("burst:rate=40,cv=2", 40),
            ("burst:rate=40,on=3s,off=5s", 40), ("burst:rate=40,cv=0", 40),
            // A user asks every 2 s to think and 100 tokens at 20 ms to read.
            ("chat:users=80,think=2s,output=100,ramp=4s", 20),
        ])
    func rate(text: String, rate: Double) throws {
        let items = try Self.items([text], count: 20_000)
        let last = try #require(items.last)
        let seconds = (last.at - Instant(nanoseconds: 0)).seconds
        #expect(abs(20_000 / seconds / rate - 1) < 0.04, "\(20_000 / seconds)")
    }

    @Test(
        "distances vary as they should",
        arguments: [
            ("even:rate=40", 0.0), ("poisson:rate=40", 1), ("burst:rate=40,cv=3", 3),
            ("burst:rate=40,cv=0.5", 0.5),
        ])
    func variation(text: String, variation: Double) throws {
        let times = try Self.items([text], count: 30_000).map { Double($0.at.nanoseconds) }
        let found = DrawTests.moments(zip(times.dropFirst(), times).map { $0 - $1 })
        #expect(abs(found.variation - variation) < 0.02 + 0.06 * variation)
    }

    @Test("nothing comes while a burst is off")
    func phases() throws {
        let items = try Self.items(["burst:rate=40,on=3s,off=5s"])
        let places = items.map { $0.at.nanoseconds % 8_000_000_000 }
        #expect(places.allSatisfy { $0 < 3_000_000_000 })
    }

    @Test("a workload begins and ends when it says")
    func window() throws {
        for text in ["poisson:rate=20,start=5s,duration=10s", "chat:users=9,start=5s,duration=10s"]
        {
            let items = try Self.items([text])
            let (first, last) = (try #require(items.first), try #require(items.last))
            #expect(first.at.nanoseconds >= 5_000_000_000)
            #expect(last.at.nanoseconds < 15_000_000_000)
            #expect(items.count < 2000)
        }
    }

    @Test("prompts share whole prefixes, the first more often, and nothing behind them")
    func prefixes() throws {
        let items = try Self.items(["poisson:rate=1,prefix=320,prefixes=4,input=160"], count: 8000)
        var counts: [UInt64: Int] = [:]
        for item in items {
            #expect(item.promptTokens == 480)
            counts[item.prefix[19], default: 0] += 1
        }
        let shares = counts.values.sorted(by: >).map { Double($0) / 8000 }
        let harmonic = 1 + 1.0 / 2 + 1.0 / 3 + 1.0 / 4
        #expect(shares.count == 4)
        for (n, share) in shares.enumerated() {
            #expect(abs(share - 1 / Double(n + 1) / harmonic) < 0.02)
        }
        let behind = items.flatMap { $0.prefix[20...] }
        #expect(Set(behind).count == behind.count)
    }

    @Test("a conversation carries all that was said, and ends after its turns")
    func conversation() throws {
        let items = try Self.items(
            ["chat:users=5,turns=4,think=1s,input=100,output=60,prefix=320,prefixes=1"])
        for (_, turns) in Dictionary(grouping: items, by: \.session) {
            #expect(turns.count <= 4)
            for (turn, item) in turns.enumerated() {
                #expect(item.promptTokens == 320 + turn * 160 + 100)
            }
            for (earlier, later) in zip(turns, turns.dropFirst()) {
                #expect(later.prefix.starts(with: earlier.prefix))
                #expect(later.at - earlier.at >= .milliseconds(60 * 20))
            }
        }
        // Different conversations share the system prompt alone.
        let firsts = Dictionary(grouping: items, by: \.session).values.compactMap(\.first)
        #expect(Set(firsts.map { $0.prefix[19] }).count == 1)
        #expect(Set(firsts.map { $0.prefix[20] }).count == firsts.count)
    }

    @Test("a conversation ends before no model could read it")
    func context() throws {
        let items = try Self.items(["chat:users=5,turns=1000,think=1s,context=4096"])
        #expect(items.allSatisfy { $0.promptTokens + $0.answerTokens <= 4096 })
        #expect(Set(items.map(\.session)).count > 5)
    }
}
