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
/// The floor is first the shortest of the first few: whoever finds a server idle does not wait in
/// it, however many come together. It sinks at once and rises only by what was measured while the
/// limit did not bind: under load that does not end it would otherwise follow its own queue
/// upwards. While the limit binds, half as many are let in for the time of two medians twice a
/// minute, and the floor is what is then seen. Where that is much more than the floor was, half as
/// many again are let in as long as answers begin sooner for it: either the server has become
/// slower, or the limit was far too high from the beginning.
///
/// All loops measure at the same time, by the clock: what one of them alone lets in less would not
/// show. A measurement takes a sixteenth of the time at most.
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
        /// Fewer are let in; what was sent before the level's `since` does not count.
        case settles(Level)
        /// The first median is known.
        case measures(Level, first: Double)
    }

    /// One of the loads of a measurement.
    private struct Level: Sendable {
        /// How many are let in.
        var limit: Double
        /// When it began, or its first median was known.
        var since: Instant
        /// When the measurement began.
        var begun: Instant
        /// The median with the load before it.
        var before: Double
        /// How many levels there were before it.
        var number = 0
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
        case .settles(let level), .measures(let level, _): max(1, Int(level.limit))
        }
    }

    /// Whether fewer are let in for a while, to measure.
    var isMeasuring: Bool { if case .due = measurement { false } else { true } }

    /// Somebody had to wait or was refused because of the limit.
    mutating func binds() { isBinding = true }

    /// An answer began `latency` after its request was sent.
    mutating func observe(_ latency: Nanoseconds, at now: Instant) {
        guard bounds != nil else { return }
        var needed = max(Limits.samplesLeast, min(Limits.samplesMost, Int(limit / 2)))
        switch measurement {
        case .due: break
        case .settles(let level), .measures(let level, _):
            if now < level.since + latency { return }
            needed = Limits.samplesLeast
        }
        samples.append(latency.rawValue)
        guard samples.count >= needed, now - windowStart >= Limits.windowLeast else { return }
        samples.sort()
        let median = Double(max(1, samples[samples.count / 2]))
        if floor == nil { floor = Double(max(1, samples[0])) }
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
        case .settles(var level):
            level.since = now
            measurement = .measures(level, first: median)
            return
        case .measures(let level, let first):
            measured(min(first, median), level, bounds, at: now)
            return
        case .due: break
        }
        var floor = floor ?? median
        if median < floor {
            floor = median
        } else if !isBinding {
            floor += (median - floor) * 0.05
        }
        self.floor = floor
        let allowed =
            floor * Double(bounds.tolerancePercent) / 100 + Double(bounds.slack.rawValue)
        let gradient = max(0.5, min(1, allowed / median))
        if gradient < 1 {
            isGrowing = false
            limit *= 0.8 + 0.2 * gradient
        } else if isBinding {
            limit = isGrowing ? limit * 1.5 : limit + 0.2 * limit.squareRoot()
        }
        limit = min(max(limit, Double(bounds.least)), Double(bounds.most))
        if isBinding, !isGrowing, case .due(let due) = measurement, now >= due {
            measurement = .settles(
                Level(
                    limit: max(limit / 2, Double(bounds.least)), since: now, begun: now,
                    before: median))
        }
    }

    /// With the load of `level` answers began after `best`: the floor, or there is less to be had.
    private mutating func measured(
        _ best: Double, _ level: Level, _ bounds: OverloadSettings.Adaptive, at now: Instant
    ) {
        let known = floor ?? best
        let isLess = best < level.before * 0.75
        if best > known * 1.25 + Double(bounds.slack.rawValue), level.number == 0 || isLess,
            level.limit > Double(bounds.least)
        {
            measurement = .settles(
                Level(
                    limit: max(level.limit / 2, Double(bounds.least)), since: now,
                    begun: level.begun, before: best, number: level.number + 1))
            return
        }
        if level.number > 1 || level.number == 1 && isLess {
            // From the load before this one on there was a queue in the server.
            limit = min(limit, max(level.limit * 2, Double(bounds.least)))
        } else if best > known * 2 {
            // The server is slower than it was, and what it can do at once may be anything.
            isGrowing = true
        }
        floor = best
        var period = Limits.measurementEvery
        let least = (now - level.begun).rawValue * Limits.measurementShare
        while period.rawValue < least { period = Nanoseconds(period.rawValue * 2) }
        let number = now.nanoseconds / UInt64(period.rawValue) + 1
        measurement = .due(Instant(nanoseconds: number * UInt64(period.rawValue)))
    }

    /// The part of `count` that one of `loops` has.
    static func share(_ count: Int, _ loops: Int) -> Int {
        max(1, (count + max(loops, 1) - 1) / max(loops, 1))
    }
}
