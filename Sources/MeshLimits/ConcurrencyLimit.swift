// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot

/// How many requests a backend is given at once, found by measuring.
///
/// What is measured is the time until an answer begins: the first event of a stream, the head of
/// anything else. Where requests wait behind each other in the server it grows, and how long the
/// answer is does not touch it. The median of a few is held against a floor, the median without
/// load:
///
/// ```
///  allowed = floor x tolerance + slack
///  g = allowed / median, within 1/2 ... 1
///
///  g < 1                limit x (0.8 + 0.2 g)
///  g = 1 and it binds   limit x 1.5 until it was too much once, then limit + 0.2 sqrt(limit)
/// ```
///
/// The floor sinks at once and rises only by what was measured while the limit did not bind:
/// under load that does not end it would otherwise follow its own queue upwards. When the limit
/// has bound for half a minute, half as many are let in for the time of two medians, and the
/// floor is what is then seen.
///
/// **Source** the gradient of Netflix's concurrency-limits and Envoy's adaptive concurrency; the
/// measurement with half the load stands in for the latter's pinned minimum.
struct ConcurrencyLimit: Sendable {
    private let bounds: OverloadSettings.Adaptive?
    /// The limit, before halving for a measurement.
    private(set) var limit: Double
    /// The median without load, in nanoseconds, once one was measured.
    private(set) var floor: Double?
    /// Whether the limit held anybody back since the last median.
    private var isBinding = false
    /// Whether it was never too high.
    private var isGrowing = true
    private var samples: [Int64] = []
    private var windowStart: Instant
    private var measurement = Measurement.due(Instant.distantFuture)
    private var lastCut: Instant

    private enum Measurement: Sendable {
        /// The next one begins then.
        case due(Instant)
        /// Half as many are let in; what was sent before `since` does not count.
        case settles(since: Instant)
        /// The first median is known.
        case measures(since: Instant, first: Double)
    }

    /// A limit of `settings` for one of `loops` event loops, of which nothing is known.
    init(_ settings: OverloadSettings.Concurrency, loops: Int, at now: Instant) {
        windowStart = now
        lastCut = now
        switch settings {
        case .fixed(let count):
            bounds = nil
            limit = Double(Self.share(count, loops))
        case .adaptive(var adaptive):
            adaptive.least = Self.share(adaptive.least, loops)
            adaptive.most = Self.share(adaptive.most, loops)
            bounds = adaptive
            limit = Double(
                min(max(Self.share(adaptive.first, loops), adaptive.least), adaptive.most))
            measurement = .due(now + Limits.firstMeasurement)
        }
        samples.reserveCapacity(bounds == nil ? 0 : Limits.samplesMost)
    }

    /// How many may be in at once now; at least 1.
    var capacity: Int {
        switch measurement {
        case .due: max(1, Int(limit))
        case .settles, .measures: max(1, bounds?.least ?? 1, Int(limit / 2))
        }
    }

    /// Somebody had to wait or was refused because of the limit.
    mutating func binds() { isBinding = true }

    /// An answer began `latency` after its request was sent.
    mutating func observe(_ latency: Nanoseconds, at now: Instant) {
        guard bounds != nil else { return }
        var needed = max(Limits.samplesLeast, min(Limits.samplesMost, Int(limit / 2)))
        switch measurement {
        case .due: break
        case .settles(let since), .measures(let since, _):
            if now < since + latency { return }
            needed = Limits.samplesLeast
        }
        samples.append(latency.rawValue)
        guard samples.count >= needed, now - windowStart >= Limits.windowLeast else { return }
        samples.sort()
        let median = Double(max(1, samples[samples.count / 2]))
        samples.removeAll(keepingCapacity: true)
        windowStart = now
        judge(median, at: now)
        isBinding = false
    }

    /// The backend itself said that it has too much to do.
    mutating func overloaded(at now: Instant) {
        guard let bounds, now - lastCut >= Limits.windowLeast else { return }
        lastCut = now
        isGrowing = false
        limit = max(Double(bounds.least), limit * 0.9)
    }

    private mutating func judge(_ median: Double, at now: Instant) {
        guard let bounds else { return }
        switch measurement {
        case .settles:
            measurement = .measures(since: now, first: median)
            return
        case .measures(_, let first):
            floor = min(first, median)
            measurement = .due(now + Limits.measurementEvery)
            return
        case .due: break
        }
        if let known = floor {
            if median < known {
                floor = median
            } else if !isBinding {
                floor = known + (median - known) * 0.05
            }
        } else {
            floor = median
        }
        let allowed =
            (floor ?? median) * Double(bounds.tolerancePercent) / 100
            + Double(bounds.slack.rawValue)
        let gradient = max(0.5, min(1, allowed / median))
        if gradient < 1 {
            isGrowing = false
            limit *= 0.8 + 0.2 * gradient
        } else if isBinding {
            limit = isGrowing ? limit * 1.5 : limit + 0.2 * limit.squareRoot()
        }
        limit = min(max(limit, Double(bounds.least)), Double(bounds.most))
        if isBinding, case .due(let due) = measurement, now >= due {
            measurement = .settles(since: now)
        }
    }

    /// The part of `count` that one of `loops` has.
    static func share(_ count: Int, _ loops: Int) -> Int {
        max(1, (count + max(loops, 1) - 1) / max(loops, 1))
    }
}
