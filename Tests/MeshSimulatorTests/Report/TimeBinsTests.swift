// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshSimulator

struct TimeBinsTests {
    static func at(_ seconds: Double) -> Instant { Instant(nanoseconds: UInt64(seconds * 1e9)) }

    @Test("a long run takes no more pieces, and loses nothing")
    func bounded() {
        var bins = TimeBins(servers: 2)
        for second in 0..<5000 {
            bins.change(at: Self.at(Double(second))) { bin in
                bin.sent += 1
                bin.firstToken.add(UInt64(second))
                bin.held[1] += 3
                bin.looks += 1
            }
        }
        #expect(bins.bins.count <= TimeBins.binsMax)
        #expect(bins.bins.reduce(0) { $0 + $1.sent } == 5000)
        #expect(bins.bins.reduce(0) { $0 + $1.firstToken.count } == 5000)
        #expect(bins.bins.allSatisfy { $0.looks == 0 || $0.load(of: 1) == 3 })
        // Each piece holds the seconds that lie in it.
        for (index, bin) in bins.bins.enumerated() where bin.sent > 0 {
            let from = Double(index) * bins.width.seconds
            #expect(Double(bin.firstToken.least) >= from)
            #expect(Double(bin.firstToken.greatest) < from + bins.width.seconds)
        }
    }

    @Test("tokens are spread over the time in which they came")
    func spread() {
        var bins = TimeBins(servers: 0, width: .seconds(1))
        bins.spread(tokens: 100, from: Self.at(1.5), over: .seconds(2))
        #expect(bins.bins.map { $0.tokens.rounded() } == [0, 25, 50, 25])
        bins.spread(tokens: 7, from: Self.at(0.2), over: .zero)
        #expect(bins.bins[0].tokens == 7)
        bins.spread(tokens: 40, from: Self.at(200), over: .seconds(400))
        let sum = bins.bins.reduce(0) { $0 + $1.tokens }
        #expect(abs(sum - 147) < 1e-6)
        #expect(bins.bins.count <= TimeBins.binsMax)
    }

    @Test("fewer pieces say the same")
    func joined() {
        var bins = TimeBins(servers: 1, width: .seconds(1))
        for second in 0..<37 { bins.change(at: Self.at(Double(second))) { $0.answered += second } }
        let coarse = bins.joined(atMost: 10)
        #expect(coarse.bins.count <= 10)
        #expect(coarse.width == .seconds(4))
        #expect(coarse.bins[0].answered == 0 + 1 + 2 + 3)
        #expect(coarse.bins.reduce(0) { $0 + $1.answered } == 36 * 37 / 2)
    }
}
