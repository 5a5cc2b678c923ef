// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import MeshTelemetry

/// The number of a copy whose answer is compared, on one shard.
package typealias MirrorTicketID = UInt64

/// Where the two answers of one request meet.
///
/// ```
///  ordered ──> begun ──> mirror ended ──┐
///     │          │                      ├──> ready ──> compared ──> settled
///     │          └────> caller's ended ─┘
///     └──(too many at once, nobody reached, the caller left)──> dropped
/// ```
///
/// Copies of one mirror count from when they are begun until they are settled, so that neither a
/// mirror that hangs nor comparisons that are slow ever hold more than a fixed number of answers.
///
/// Invariant: nothing here delays or changes an exchange.
package struct MirrorDesk: Sendable {
    private struct Entry: Sendable {
        var ticket: MirrorTicket
        var isBegun = false
        /// Whether the caller left: nothing is compared, but the copy still is on its way.
        var isAbandoned = false
        var primary: AnswerSample?
        var mirror: AnswerSample?
    }

    /// The copies that are ordered, and not ready or dropped.
    private var entries: [MirrorTicketID: Entry] = [:]
    /// Copies of each mirror that are begun and not settled.
    private var begun: [MirrorSeriesID: Int] = [:]
    private var next: MirrorTicketID = 0
    /// Pairs that nobody has compared.
    private var ready: [MirrorPair] = []
    /// Questions about similarity of each embedder: when the next one may be asked.
    private var nextQuestion: [String: Instant] = [:]

    /// A desk without copies.
    package init() {}

    /// Whether a pair is to be compared.
    package var hasReady: Bool { !ready.isEmpty }

    /// Copies that are ordered or begun, and pairs that are not settled.
    package var outstanding: Int {
        entries.values.count { !$0.isBegun } + begun.values.reduce(0, +)
    }

    /// A copy is ordered.
    mutating func open(_ ticket: MirrorTicket) -> MirrorTicketID {
        next &+= 1
        entries[next] = Entry(ticket: ticket)
        return next
    }

    /// The copy is about to be sent. False, and the copy is dropped, when as many of its mirror
    /// are on their way as may be.
    package mutating func begin(_ id: MirrorTicketID) -> Bool {
        guard let entry = entries[id] else { return false }
        let count = begun[entry.ticket.series, default: 0]
        guard count < entry.ticket.comparison.concurrentMax else {
            entries[id] = nil
            return false
        }
        begun[entry.ticket.series] = count + 1
        entries[id]?.isBegun = true
        return true
    }

    /// Nothing will come of the copy.
    package mutating func drop(_ id: MirrorTicketID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        if entry.isBegun { release(entry.ticket.series) }
    }

    /// The mirror's answer is whole.
    package mutating func mirrorEnded(_ id: MirrorTicketID, _ sample: AnswerSample) {
        if entries[id]?.isAbandoned == true {
            drop(id)
            return
        }
        entries[id]?.mirror = sample
        meet(id)
    }

    /// The caller has its answer. Nil when it left before that; answers the copy's mirror then.
    mutating func primaryEnded(
        _ id: MirrorTicketID, _ sample: AnswerSample?
    ) -> MirrorSeriesID? {
        guard let entry = entries[id] else { return nil }
        guard let sample else {
            if entry.isBegun, entry.mirror == nil {
                entries[id]?.isAbandoned = true
            } else {
                drop(id)
            }
            return entry.ticket.series
        }
        entries[id]?.primary = sample
        meet(id)
        return nil
    }

    /// The pairs that are ready, for the driver to compare; each must be settled.
    package mutating func takeReady() -> [MirrorPair] {
        let pairs = ready
        ready = []
        return pairs
    }

    /// What is to be known of a pair of `series` is known.
    mutating func settle(_ series: MirrorSeriesID) { release(series) }

    /// Whether one more question may be asked of `embedder`, of which this shard may ask
    /// `perMinute`.
    ///
    /// They are spread evenly, and a pause is made up for by a few at once.
    mutating func mayAsk(_ embedder: String, perMinute: Double, at now: Instant) -> Bool {
        guard perMinute > 0 else { return false }
        let gap = Nanoseconds(Int64(60_000_000_000 / max(perMinute, 0.001)))
        // As many as in a quarter of a minute, and no more than a few.
        let most = min(Int64(Limits.similarityBurst), max(1, Int64(perMinute / 15)))
        let burst = Nanoseconds(gap.rawValue * (most - 1))
        let due = nextQuestion[embedder] ?? Instant(nanoseconds: 0)
        guard due <= now + burst else { return false }
        nextQuestion[embedder] = max(due, now) + gap
        return true
    }

    private mutating func meet(_ id: MirrorTicketID) {
        guard let entry = entries[id], let primary = entry.primary, let mirror = entry.mirror
        else { return }
        entries[id] = nil
        ready.append(MirrorPair(entry.ticket, primary: primary, mirror: mirror))
    }

    private mutating func release(_ series: MirrorSeriesID) {
        guard let count = begun[series] else { return }
        begun[series] = count > 1 ? count - 1 : nil
    }
}
