// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// How much one connection of HTTP/2 may hold and do.
enum HTTP2Limits {
    /// Requests that a caller may have under way at once.
    static let streamsMax = 100
    /// Bytes of a body that a peer may send ahead of our reading, on one stream …
    static let streamWindow = 64 * 1024
    /// … of an endpoint's answer on one stream …
    static let answerWindow = 256 * 1024
    /// … and on all streams of a connection together. What waits in paused streams counts, so
    /// this also bounds what a connection holds of what it read.
    static let connectionWindow = 1024 * 1024
    /// Above so many bytes that a peer's windows do not let pass, the source of a stream is no
    /// longer read …
    static let writeHigh = 32 * 1024
    /// … and below so many it is again.
    static let writeLow = 8 * 1024
    /// The same for all streams of a connection together: above it, whoever has anything waiting
    /// is no longer read for.
    static let waitingHigh = 512 * 1024
    /// Bytes of one DATA frame that we send.
    static let frameBytes = 16 * 1024
    /// Control frames that codecs may keep for a peer that does not read.
    static let controlFramesWaiting = 1000
    /// CONTINUATION frames in a row: with the smallest frames that all peers accept, a head of
    /// 80 KiB, more than any head may have.
    static let continuationsMax = 5
    /// Streams that a peer may reset within `resetPeriod`, and that it may make us reset.
    static let resetsMax = 200
    /// The time over which resets are counted.
    static let resetPeriod = Nanoseconds.seconds(30)
    /// PING and PRIORITY frames a second, and how many may come at once. Peers that measure their
    /// bandwidth send a PING with nearly every read.
    static let pings = Rate(perSecond: 2000, burst: 10_000)
    /// SETTINGS frames a second: each must be answered, and a peer needs one or two in its life.
    static let settings = Rate(perSecond: 5, burst: 100)
    /// WINDOW_UPDATE frames a second: two for each frame of data that we may send in that time.
    static let windowUpdates = Rate(perSecond: 20_000, burst: 40_000)
    /// Requests that wait for one connection to an endpoint while it is being made.
    static let waitersMax = 1000
    /// How long the second word of a farewell waits, so that requests under way are not refused.
    static let farewell = Nanoseconds.seconds(1)
    /// How long a connection that broke the protocol stays, so that the reason is read.
    static let lastWords = Nanoseconds.milliseconds(500)

    /// So many a second, and so many at once.
    struct Rate {
        var perSecond: Int
        var burst: Int
    }
}

/// Counts what may happen so many times a second.
struct RateGauge {
    private let rate: HTTP2Limits.Rate
    private var left: Int
    private var filled: Instant

    init(_ rate: HTTP2Limits.Rate, at now: Instant) {
        self.rate = rate
        left = rate.burst
        filled = now
    }

    /// Counts one; false when there were too many.
    mutating func take(at now: Instant) -> Bool {
        if left == 0 { refill(at: now) }
        guard left > 0 else { return false }
        left -= 1
        return true
    }

    private mutating func refill(at now: Instant) {
        let passed = (now - filled).rawValue
        let whole = passed / (1_000_000_000 / Int64(rate.perSecond))
        guard whole > 0 else { return }
        left = min(rate.burst, Int(clamping: whole))
        filled = now
    }
}
