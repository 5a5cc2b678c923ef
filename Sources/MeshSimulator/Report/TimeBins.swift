// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A run cut into at most `binsMax` pieces of equal length: what happened in each.
///
/// When the run outgrows them, neighbours are joined and the length doubles, so that a run of any
/// length takes the same memory.
package struct TimeBins: Hashable, Sendable {
    /// The most pieces.
    package static let binsMax = 240
    /// The length of a piece.
    package private(set) var width: Nanoseconds
    /// The pieces so far.
    package private(set) var bins: [Bin] = []
    /// Servers that are watched.
    private let servers: Int

    /// What happened in a piece.
    package struct Bin: Hashable, Sendable {
        /// Requests that were sent.
        package var sent = 0
        /// Requests that were answered whole.
        package var answered = 0
        /// Requests that ended in any other way.
        package var failed = 0
        /// Tokens of answers that came.
        package var tokens = 0.0
        /// Times to the first token of requests that were sent, in nanoseconds.
        package var firstToken = LogHistogram(precision: 4)
        /// Sums of the requests that each server held when it was looked at.
        package var held: [Int]
        /// How often servers were looked at.
        package var looks = 0

        init(servers: Int) { held = Array(repeating: 0, count: servers) }

        mutating func add(_ other: Bin) {
            sent += other.sent
            answered += other.answered
            failed += other.failed
            tokens += other.tokens
            firstToken.add(other.firstToken)
            for index in held.indices { held[index] += other.held[index] }
            looks += other.looks
        }

        /// Requests that server `number` held on average, or nil when nobody looked.
        package func load(of number: Int) -> Double? {
            looks == 0 ? nil : Double(held[number]) / Double(looks)
        }
    }

    /// An empty run, with pieces of `width` to begin with.
    package init(servers: Int, width: Nanoseconds = .milliseconds(250)) {
        self.servers = servers
        self.width = width
    }

    /// The piece that `at` lies in.
    mutating func index(of at: Instant) -> Int {
        while Int(at.nanoseconds / UInt64(width.rawValue)) >= Self.binsMax { join() }
        let index = Int(at.nanoseconds / UInt64(width.rawValue))
        while bins.count <= index { bins.append(Bin(servers: servers)) }
        return index
    }

    /// Changes the piece that `at` lies in.
    mutating func change(at: Instant, _ change: (inout Bin) -> Void) {
        let index = index(of: at)
        change(&bins[index])
    }

    /// Spreads `tokens` evenly from `start` on over `time`.
    mutating func spread(tokens: Int, from start: Instant, over time: Nanoseconds) {
        guard tokens > 0 else { return }
        let last = index(of: start + time)
        let first = index(of: start)
        guard last > first else {
            bins[first].tokens += Double(tokens)
            return
        }
        let length = UInt64(width.rawValue)
        let end = (start + time).nanoseconds
        for bin in first...last {
            let from = max(start.nanoseconds, UInt64(bin) * length)
            let to = min(end, UInt64(bin + 1) * length)
            bins[bin].tokens += Double(tokens) * Double(to - from) / Double(time.rawValue)
        }
    }

    /// The same run in at most `count` pieces.
    package func joined(atMost count: Int) -> TimeBins {
        var coarse = self
        while coarse.bins.count > max(1, count) { coarse.join() }
        return coarse
    }

    private mutating func join() {
        var joined: [Bin] = []
        for index in bins.indices {
            if index.isMultiple(of: 2) {
                joined.append(bins[index])
            } else {
                joined[joined.count - 1].add(bins[index])
            }
        }
        bins = joined
        width = width * 2
    }
}
