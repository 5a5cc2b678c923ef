// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

struct LengthDistributionTests {
    static func draws(_ text: String, _ count: Int = 40_000) throws -> [Double] {
        let lengths = try LengthDistribution.parse(text)
        var random = SplitMix64(seed: 5)
        return (0..<count).map { _ in Double(lengths.draw(using: &random)) }
    }

    static func quantile(_ values: [Double], _ share: Double) -> Double {
        values.sorted()[Int(Double(values.count) * share)]
    }

    @Test("a fixed length is that length, and a range covers both ends evenly")
    func simple() throws {
        #expect(try Set(Self.draws("200", 100)) == [200])
        let values = try Self.draws("3-6")
        for length in 3...6 {
            let share = Double(values.count { $0 == Double(length) }) / 40_000
            #expect(abs(share - 0.25) < 0.01)
        }
        #expect(values.allSatisfy { (3...6).contains($0) })
    }

    @Test(
        "a mean with a variation is met",
        arguments: [("~200", 200, 1), ("~1000/0.5", 1000, 0.5), ("~50/0", 50, 0)])
    func mean(text: String, mean: Double, variation: Double) throws {
        let found = try DrawTests.moments(Self.draws(text))
        #expect(abs(found.mean / mean - 1) < 0.03)
        #expect(abs(found.variation - variation) < 0.06)
    }

    @Test("a median and a ninetieth percentile are met")
    func twoQuantiles() throws {
        let values = try Self.draws("p50:1020/p90:2735")
        #expect(abs(Self.quantile(values, 0.5) / 1020 - 1) < 0.03)
        #expect(abs(Self.quantile(values, 0.9) / 2735 - 1) < 0.03)
    }

    @Test("known quantiles are met, with straight lines between them")
    func empirical() throws {
        let values = try Self.draws("p0:10/p50:110/p90:1000/p100:5000")
        #expect(values.min().map { $0 >= 10 } == true)
        #expect(values.max().map { $0 <= 5000 } == true)
        #expect(abs(Self.quantile(values, 0.25) - 60) < 3)
        #expect(abs(Self.quantile(values, 0.5) - 110) < 10)
        #expect(abs(Self.quantile(values, 0.9) / 1000 - 1) < 0.05)
    }

    @Test("no length is below one or above the bound")
    func bounded() throws {
        let values = try Self.draws("~2/100")
        #expect(values.allSatisfy { (1...Double(WorkloadLimits.tokensMax)).contains($0) })
    }

    @Test(
        "a mistake is told with its place",
        arguments: [
            ("many", 0, "is not a length"), ("0", 0, "is not a length"),
            ("-5", 0, "is not a length"), ("300-200", 0, "ends before it begins"),
            ("1-2-3", 0, "is not a length"), ("~", 1, "is not a mean"),
            ("~x", 1, "is not a mean"), ("~200/", 5, "not a coefficient"),
            ("~200/-1", 5, "not a coefficient"), ("p50:10", 0, "say too little"),
            ("p50:10/90:20", 7, "is not a quantile"), ("p50:10/p90:5", 7, "not above"),
            ("p50:10/p50:20", 7, "not above"), ("p101:10/p50:20", 0, "is not a quantile"),
        ])
    func mistakes(text: String, offset: Int, message: String) {
        do throws(LengthDistribution.Fault) {
            _ = try LengthDistribution.parse(text)
            Issue.record("`\(text)` was read")
        } catch {
            #expect(error.offset == offset)
            #expect(error.message.contains(message), "\(error.message)")
            #expect(!error.remedy.isEmpty)
        }
    }
}
