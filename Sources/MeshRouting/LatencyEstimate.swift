// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A moving average of latency that jumps to peaks at once and forgets them slowly.
///
/// An endpoint that is asked nothing is forgiven over time, so that it is tried again.
///
/// **Source** the peak-EWMA balancer of Finagle and linkerd2-proxy.
struct LatencyEstimate: Sendable {
    private var average: Double
    private var updated: Instant

    /// What is assumed of an endpoint that has not answered yet.
    init(at now: Instant) {
        average = Double(Limits.latencyDefault.rawValue)
        updated = now
    }

    /// An estimate from what `words` gave, or nil when they are not two.
    init?(words: [UInt64]) {
        guard words.count == 2 else { return nil }
        average = Double(bitPattern: words[0])
        updated = Instant(nanoseconds: words[1])
    }

    /// The whole state: the average as bits, and when it was updated.
    var words: [UInt64] { [average.bitPattern, updated.nanoseconds] }

    /// The estimate in nanoseconds, at least `Limits.latencyMin`.
    @inline(__always)
    func value(at now: Instant) -> Double {
        max(average * Self.weight(of: now - updated), Double(Limits.latencyMin.rawValue))
    }

    /// Takes `latency` into account.
    mutating func observe(_ latency: Nanoseconds, at now: Instant) {
        let sample = Double(max(latency.rawValue, 0))
        let weight = Self.weight(of: now - updated)
        average = sample > average ? sample : average * weight + sample * (1 - weight)
        updated = now
    }

    /// Doubles the estimate: an endpoint that fails quickly must not look like a quick one.
    mutating func penalize(at now: Instant) {
        let current = max(value(at: now), Double(Limits.latencyDefault.rawValue) / 2)
        let most = Double(Limits.latencyAfterFailuresMax.rawValue)
        average = max(min(current * 2, most), current)
        updated = now
    }

    /// What is left of an estimate after `elapsed`: e^(-elapsed / decay), within 10^-7.
    ///
    /// Written out because the standard library has no exponential: e^-x is 2^-k e^-y with y
    /// below ln 2, where nine terms of the series suffice.
    @inline(__always)
    static func weight(of elapsed: Nanoseconds) -> Double {
        let x = Double(elapsed.rawValue) / Double(Limits.latencyDecay.rawValue)
        if x <= 0 { return 1 }
        if x >= 40 { return 0 }
        let halvings = Int(x * 1.442_695_040_888_963_4)
        let y = x - Double(halvings) * 0.693_147_180_559_945_3
        var sum = 1 - y / 9
        sum = 1 - y / 8 * sum
        sum = 1 - y / 7 * sum
        sum = 1 - y / 6 * sum
        sum = 1 - y / 5 * sum
        sum = 1 - y / 4 * sum
        sum = 1 - y / 3 * sum
        sum = 1 - y / 2 * sum
        sum = 1 - y * sum
        return sum * Double(bitPattern: UInt64(1023 - halvings) << 52)
    }
}
