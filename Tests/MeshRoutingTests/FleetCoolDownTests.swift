// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshRouting
import MeshSnapshot
import Testing

@Suite("Cool-downs and circuits of a fleet")
struct FleetCoolDownTests {
    private let gpt = Array("gpt".utf8)
    private let other = Array("other".utf8)

    private func sample(_ count: Int = 3) -> FleetSample {
        FleetSample([
            BackendSample(
                weights: Array(repeating: 1, count: count), balancing: .roundRobin,
                outlier: OutlierPolicy(consecutiveFailures: 3))
        ])
    }

    @Test("an endpoint that cools down gets nothing until its time is over")
    func endpoint() throws {
        let sample = sample()
        let slot = sample.slot(of: 1)
        let length = sample.coolDown(slot: slot, hint: .seconds(4))
        #expect(length == .seconds(4))
        #expect(sample.shares(of: 300) == [0: 150, 2: 150])
        #expect(sample.statistics()?.cooling == 1)
        #expect(sample.standing() == .clear, "two others are free")
        sample.wait(3_999)
        #expect(sample.shares(of: 300)[1] == nil)
        sample.wait(1)
        #expect(sample.shares(of: 300)[1] == 100)
        #expect(sample.fleet.invariants() == nil)
        #expect(!sample.fleet.hasTroubles)
    }

    @Test("when all endpoints cool down there is no pick, and the first to return is known")
    func all() {
        let sample = sample()
        for (number, seconds) in [(0, 9), (1, 5), (2, 7)] {
            sample.coolDown(
                slot: sample.slot(of: EndpointID(number)), hint: .seconds(Int64(seconds)))
        }
        #expect(sample.pick() == nil)
        #expect(sample.standing() == .cooling(until: sample.now + .seconds(5)))
        sample.wait(5_000)
        #expect(sample.pick()?.endpoint == 1)
        #expect(sample.standing() == .clear)
    }

    @Test("panic takes what is ejected, but not what cools down")
    func panic() {
        let sample = sample(2)
        sample.setHealth(0, false)
        sample.coolDown(slot: sample.slot(of: 1), hint: .seconds(5))
        #expect(sample.standing() == .cooling(until: sample.now + .seconds(5)))
        for _ in 0..<20 { #expect(sample.pick()?.endpoint == 0) }
    }

    @Test("a pause is never made shorter, and never longer than the policy allows")
    func bounds() {
        let sample = sample(1)
        sample.coolDown(model: gpt, hint: .seconds(20))
        sample.coolDown(model: gpt, hint: .seconds(2))
        #expect(sample.standing(gpt) == .cooling(until: sample.now + .seconds(20)))
        #expect(sample.coolDown(model: gpt, hint: .seconds(3_600)) == .seconds(300))
    }

    @Test("without a hint it doubles, up to half a minute, and a success starts anew")
    func doubling() {
        let sample = sample(1)
        var lengths: [Int64] = []
        for _ in 0..<7 {
            let length = sample.coolDown(model: gpt, hint: nil) ?? .zero
            lengths.append(length.rawValue / 1_000_000_000)
            sample.wait(60_000)
        }
        #expect(lengths == [1, 2, 4, 8, 16, 30, 30])
        sample.end(gpt, .success)
        #expect(sample.coolDown(model: gpt, hint: nil) == .seconds(1))
    }

    @Test("one model of a backend cools down without the others")
    func models() {
        let sample = sample()
        sample.coolDown(model: gpt, hint: .seconds(5))
        #expect(sample.standing(gpt) == .cooling(until: sample.now + .seconds(5)))
        #expect(sample.standing(other) == .clear)
        sample.coolDown(model: nil, hint: .seconds(2))
        #expect(sample.standing(other) == .cooling(until: sample.now + .seconds(2)))
        #expect(sample.standing(gpt) == .cooling(until: sample.now + .seconds(5)))
        sample.wait(5_000)
        #expect(sample.standing(gpt) == .clear)
    }

    @Test("what one shard heard holds for another one, by name")
    func news() {
        let (one, two) = (sample(), sample())
        one.coolDown(model: gpt, hint: .seconds(5))
        one.coolDown(slot: one.slot(of: 2), hint: .seconds(6))
        let news = one.fleet.takeNews()
        #expect(news.count == 2)
        #expect(!one.fleet.hasNews)
        for coolDown in news { two.fleet.adopt(coolDown, at: two.now) }
        #expect(two.standing(gpt) == .cooling(until: two.now + .seconds(5)))
        #expect(two.shares(of: 300)[2] == nil)
        #expect(!two.fleet.hasNews, "it is not told again")
        two.fleet.adopt(
            CoolDown(backend: "default/none", until: two.now + .seconds(1)), at: two.now)
        #expect(two.fleet.invariants() == nil)
    }

    @Test("it outlives a new snapshot, and a policy without cool-downs ends it")
    func adoption() {
        let sample = sample()
        sample.coolDown(model: gpt, hint: .seconds(5))
        sample.coolDown(slot: sample.slot(of: 0), hint: .seconds(5))
        sample.adopt([BackendSample(weights: [1, 1, 1, 1])])
        #expect(sample.standing(gpt) == .cooling(until: sample.now + .seconds(5)))
        #expect(sample.shares(of: 300)[0] == nil)
        var without = BackendSample(weights: [1, 1, 1])
        without.coolDown = nil
        without.outlier = nil
        sample.adopt([without])
        #expect(sample.standing(gpt) == .clear)
        #expect(sample.shares(of: 3_000)[0] != nil)
        #expect(sample.coolDown(model: gpt, hint: .seconds(5)) == nil)
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("callers that invent models cannot make it remember without bound")
    func manyModels() {
        let sample = sample()
        for number in 0..<500 {
            sample.coolDown(model: Array("m\(number)".utf8), hint: .seconds(Int64(1 + number % 9)))
            #expect(sample.fleet.invariants() == nil)
        }
    }

    @Test("a circuit opens after failures in a row, and exactly one request tries it")
    func circuit() {
        let sample = sample()
        #expect(!sample.end(gpt, .failure))
        #expect(!sample.end(gpt, .failure))
        #expect(!sample.end(gpt, .success))
        #expect(!sample.end(gpt, .failure))
        #expect(!sample.end(gpt, .failure))
        #expect(sample.end(gpt, .failure))
        #expect(sample.standing(gpt) == .broken(until: sample.now + .seconds(5)))
        #expect(sample.standing(other) == .clear)
        // What was sent before it opened does not close it.
        #expect(!sample.end(gpt, .success))
        #expect(sample.standing(gpt) == .broken(until: sample.now + .seconds(5)))
        sample.wait(5_000)
        #expect(sample.standing(gpt) == .clear)
        #expect(sample.begin(gpt) == .model)
        #expect(sample.standing(gpt) == .onTrial)
        #expect(sample.begin(gpt) == [])
        #expect(!sample.end(gpt, .cancelled, .model))
        #expect(sample.standing(gpt) == .clear)
        #expect(sample.begin(gpt) == .model)
        #expect(sample.end(gpt, .failure, .model))
        #expect(sample.standing(gpt) == .broken(until: sample.now + .seconds(5)))
        sample.wait(5_000)
        #expect(sample.begin(gpt) == .model)
        #expect(!sample.end(gpt, .success, .model))
        #expect(sample.standing(gpt) == .clear && !sample.fleet.hasTroubles)
        #expect(sample.fleet.invariants() == nil)
    }

    @Test("an endpoint that was ejected is tried by exactly one request")
    func trial() {
        let sample = sample()
        let slot = sample.slot(of: 1)
        for _ in 0..<3 { sample.attempt(slot, .failure) }
        #expect(sample.shares(of: 300)[1] == nil)
        sample.wait(5_000)
        #expect(sample.slot(of: 1) == slot)
        #expect(sample.fleet.begin(slot, at: sample.now) == .endpoint)
        #expect(sample.shares(of: 300)[1] == nil, "one request is enough to find out")
        #expect(sample.fleet.begin(slot, at: sample.now) == [], "a straggler is no trial")
        _ = sample.fleet.end(slot, .success, [], at: sample.now)
        #expect(sample.shares(of: 300)[1] == nil)
        let again = sample.fleet.end(slot, .failure, .endpoint, at: sample.now)
        #expect(again?.reason == .trial)
        #expect(again?.until == sample.now + .seconds(5), "no longer than the first time")
        sample.wait(5_000)
        sample.fleet.tick(at: sample.now)
        #expect(sample.fleet.begin(slot, at: sample.now) == .endpoint)
        _ = sample.fleet.end(slot, .cancelled, .endpoint, at: sample.now)
        #expect(sample.shares(of: 300)[1] == 100, "nothing was found out")
        #expect(sample.fleet.begin(slot, at: sample.now) == .endpoint)
        _ = sample.fleet.end(slot, .success, .endpoint, at: sample.now)
        #expect(sample.shares(of: 300)[1] == 100)
        #expect(sample.statistics()?.endpoints[1].condition == .healthy)
        #expect(sample.fleet.begin(slot, at: sample.now) == [])
        _ = sample.fleet.end(slot, .success, at: sample.now)
        #expect(sample.fleet.invariants() == nil && sample.fleet.misuses == 0)
    }

    @Test("below the policy's share of endpoints all of them are used")
    func panicPercent() {
        var policy = OutlierPolicy(
            consecutiveFailures: 1, ejectedPercentMax: 100, panicPercent: 50)
        policy.successRatePercentMin = 0
        let sample = FleetSample([
            BackendSample(weights: [1, 1, 1, 1], balancing: .roundRobin, outlier: policy)
        ])
        sample.attempt(sample.slot(of: 0), .failure)
        sample.attempt(sample.slot(of: 1), .failure)
        #expect(sample.shares(of: 400) == [2: 200, 3: 200], "half are left, which is enough")
        sample.attempt(sample.slot(of: 2), .failure)
        #expect(sample.shares(of: 400).count == 4)
    }
}

extension FleetSample {
    @discardableResult
    func coolDown(
        slot: EndpointSlot? = nil, model: [UInt8]? = nil, hint: Nanoseconds?
    ) -> Nanoseconds? {
        fleet.coolDown(0, slot: slot, model: model, hint: hint, at: now)
    }

    func standing(_ model: [UInt8]? = nil) -> Standing {
        fleet.standing(of: 0, model: model, at: now)
    }

    func begin(_ model: [UInt8]) -> Trial { fleet.begin(model: model, on: 0, at: now) }

    @discardableResult
    func end(_ model: [UInt8], _ outcome: Outcome, _ trial: Trial = []) -> Bool {
        fleet.end(model: model, on: 0, outcome, trial, at: now)
    }
}
