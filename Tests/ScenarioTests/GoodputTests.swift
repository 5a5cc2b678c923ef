// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Scenarios
import Testing

@Suite("Goodput under overload") struct GoodputTests {
    /// What came of a load.
    private struct Result {
        /// Answers in a second that came whole and began within `patience`.
        var good: Double
        /// The same of every answer that came whole, over the time until the last.
        var throughput: Double
    }

    private static let span = 20
    private static let patience = Nanoseconds.seconds(2)

    /// `rate` requests a second for `span` seconds; the first five seconds do not count as good.
    private func offer(
        _ rate: Double, hasPolicy: Bool, patience: Nanoseconds?, seed: UInt64
    ) throws -> Result {
        var random = SplitMix64(seed: seed)
        var stage = Stage(Scenario.overloaded(byPolicy: hasPolicy), profile: .eightSlots)
        stage.options.callers.patience = patience
        stage.options.checkEvery = 0
        stage.options.verifies = false
        stage.options.keepsRequests = true
        stage.fill(
            Int(rate * Double(Self.span)), every: Nanoseconds(Int64(1e9 / rate)),
            tokens: 20...30, streams: 1000, using: &random)
        var next = 0
        let items = stage.items
        let world = World(
            snapshot: try stage.mesh.snapshot(version: 1), servers: stage.servers,
            seed: seed, options: stage.options
        ) {
            defer { next += 1 }
            return next < items.count ? items[next] : nil
        }
        while world.run(for: .seconds(1)) {}
        let requests = world.finish().requests.filter { $0.ending == .whole }
        let warm = Instant(nanoseconds: 5_000_000_000)
        let end = Instant(nanoseconds: UInt64(Self.span) * 1_000_000_000)
        let good = requests.filter { request in
            let at = request.startedAt + request.total
            return at >= warm && at < end && (request.firstToken ?? .distantFuture) <= Self.patience
        }
        let last = requests.map { $0.startedAt + $0.total }.max() ?? end
        return Result(
            good: Double(good.count) / Double(Self.span - 5),
            throughput: Double(requests.count) / (Double(last.nanoseconds) / 1e9))
    }

    @Test("at three times the capacity nine tenths of it and more are good", arguments: [1, 2, 3])
    func threefold(seed: UInt64) throws {
        // Whoever waits without end keeps the server busy without end: that is what it can do.
        let capacity = try offer(150, hasPolicy: false, patience: nil, seed: seed).throughput
        let rate = 3 * capacity
        let with = try offer(rate, hasPolicy: true, patience: Self.patience, seed: seed).good
        let without = try offer(rate, hasPolicy: false, patience: Self.patience, seed: seed).good
        print(
            "goodput at 3x of \(capacity.rounded()) answers/s, seed \(seed): "
                + "\((100 * with / capacity).rounded()) % with an OverloadPolicy, "
                + "\((100 * without / capacity).rounded()) % without")
        #expect(with >= 0.9 * capacity)
        #expect(without < 0.7 * capacity, "without a policy it is no worse: a poor test")
    }
}

extension Nanoseconds {
    fileprivate static var distantFuture: Nanoseconds { Nanoseconds(.max) }
}
