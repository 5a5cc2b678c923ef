// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshRouting

@Suite("How long answers take to begin")
struct WaitTimesTests {
    @Test("a percentile is told within a fifth, once enough is known")
    func percentiles() throws {
        var times = WaitTimes()
        for number in 1...19 { times.observe(.milliseconds(Int64(number * 10))) }
        #expect(times.percentile(95) == nil)
        for number in 20...100 { times.observe(.milliseconds(Int64(number * 10))) }
        for percent in [50, 90, 95, 99] {
            let found = try #require(times.percentile(percent)).rawValue / 1_000_000
            #expect(found >= Int64(percent * 10) && found <= Int64(percent * 12), "\(percent)")
        }
    }

    @Test("old answers fade")
    func fading() throws {
        var times = WaitTimes()
        for _ in 0..<900 { times.observe(.seconds(10)) }
        for _ in 0..<4_000 { times.observe(.milliseconds(100)) }
        let found = try #require(times.percentile(95))
        #expect(found < .milliseconds(130))
    }

    @Test("nothing is too short or too long to be counted")
    func extremes() throws {
        var times = WaitTimes()
        for wait in [Nanoseconds(-5), .zero, .seconds(1 << 32), Nanoseconds(.max)] {
            for _ in 0..<10 { times.observe(wait) }
        }
        #expect(times.percentile(50) == .milliseconds(1))
    }
}
