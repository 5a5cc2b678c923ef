// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
import MeshSnapshot

/// A place at a backend that a request holds.
package struct TurnstilePass: Sendable, Hashable {
    let place: Int32

    /// A pass for nothing, as replays have it.
    package static let none = TurnstilePass(place: -1)
}

/// What a turnstile says to a request.
package enum TurnstileAnswer: Sendable, Hashable {
    /// It may go on.
    case enters(TurnstilePass)
    /// It waits under `ticket`, until `until` at the longest.
    case waits(TurnstilePass, ticket: UInt64, until: Instant)
    /// It may not.
    case refused(TurnstileRefusal)
}

/// Why a turnstile lets a request not in.
package struct TurnstileRefusal: Sendable, Hashable, Codable {
    /// The reason.
    package var reason: Reason
    /// How many were in.
    package var inside: Int
    /// How many waited.
    package var waiting: Int
    /// When it may be worth while again.
    package var retryAfter: Nanoseconds

    /// Why a request is not let in.
    package enum Reason: String, Sendable, Hashable, Codable, CaseIterable {
        /// Its priority is below 0, and there is no place.
        case priority
        /// As many wait as may.
        case full
        /// It would wait for longer than it has time.
        case late
        /// It waited for as long as it may.
        case timeout
        /// Somebody worth more needed its place in the queue, or the queue never gets empty.
        case dropped
    }

    /// Why a request is not let in.
    package init(_ reason: Reason, inside: Int, waiting: Int, retryAfter: Nanoseconds) {
        self.reason = reason
        self.inside = inside
        self.waiting = waiting
        self.retryAfter = retryAfter
    }
}

/// What happened to somebody who waited.
package struct TurnstileCall: Sendable, Hashable {
    /// Who.
    package var ticket: UInt64
    /// Whether it may go on; else it is not let in.
    package var isLetIn: Bool
}

/// What a turnstile counted since it was last asked.
package struct TurnstileTally: Sendable, Hashable {
    /// Let in at once.
    package var entered = 0
    /// Let in after a wait.
    package var waited = 0
    /// Not let in, by `TurnstileRefusal.Reason` in its order.
    package var refused = [Int](repeating: 0, count: TurnstileRefusal.Reason.allCases.count)
}

/// The door of one backend: who may send it a request now, who waits and who is turned away.
struct Turnstile: Sendable {
    let name: String
    let settings: OverloadSettings
    private(set) var limit: ConcurrencyLimit
    /// How many are in.
    private(set) var inside = 0
    private(set) var queue = AdmissionQueue()
    private let queueMost: Int
    /// When the queue was empty last.
    private var emptyAt: Instant
    /// How long a place takes to become free while somebody waits for it, an average in
    /// nanoseconds.
    private var gap = 0.0
    private var lastLeave: Instant
    var tally = TurnstileTally()

    init(_ name: String, _ settings: OverloadSettings, loops: Int, at now: Instant) {
        self.name = name
        self.settings = settings
        limit = ConcurrencyLimit(settings.concurrency, loops: loops, at: now)
        queueMost =
            settings.queueMax == 0 ? 0 : ConcurrencyLimit.share(settings.queueMax, loops)
        emptyAt = now
        lastLeave = now
    }

    /// Whether nobody is in or waits.
    var isVacant: Bool { inside == 0 && queue.count == 0 }

    /// How a request of `priority` that must be done by `deadline` fares; those that must make
    /// room for it go to `calls`.
    mutating func enter(
        priority: Int, deadline: Instant, ticket: UInt64, pass: TurnstilePass,
        calls: inout [TurnstileCall], at now: Instant
    ) -> TurnstileAnswer {
        if queue.count == 0 { emptyAt = now }
        if queue.count == 0, inside < limit.capacity {
            inside += 1
            tally.entered += 1
            return .enters(pass)
        }
        limit.binds()
        if priority < 0 { return refuse(.priority) }
        dropLate(&calls, at: now)
        if queue.count >= queueMost {
            guard let other = queue.popBelow(priority, pressedFor: interval, at: now) else {
                return refuse(.full)
            }
            drop(other, &calls)
        }
        let until = min(now + settings.queueTimeout, deadline)
        if until <= now || isTooLate(priority, until: until, at: now) { return refuse(.late) }
        queue.push(.init(ticket: ticket, since: now, deadline: until), priority: priority)
        return .waits(pass, ticket: ticket, until: until)
    }

    /// A place becomes free.
    mutating func leave(_ calls: inout [TurnstileCall], at now: Instant) {
        guard inside > 0 else { return }
        inside -= 1
        // How long nobody came tells nothing.
        if queue.count > 0, emptyAt <= lastLeave {
            let passed = Double((now - lastLeave).rawValue)
            gap = gap == 0 ? passed : gap * 0.9 + passed * 0.1
        }
        lastLeave = now
        admit(&calls, at: now)
    }

    /// A place that was given to somebody who waited was not taken.
    mutating func giveBack(_ calls: inout [TurnstileCall], at now: Instant) {
        inside = max(0, inside - 1)
        admit(&calls, at: now)
    }

    /// Somebody who waits has given up; answers why, for one whose time is over.
    mutating func giveUp(_ ticket: UInt64) -> TurnstileRefusal? {
        guard queue.remove(ticket) else { return nil }
        tally.refused[Self.column(.timeout)] += 1
        return refusal(.timeout)
    }

    /// An answer began `latency` after its request was sent.
    mutating func observe(_ latency: Nanoseconds, _ calls: inout [TurnstileCall], at now: Instant) {
        let wasMeasuring = limit.isMeasuring
        limit.observe(latency, at: now)
        // Who waited only because fewer were let in for a while is not to blame for it.
        if wasMeasuring, !limit.isMeasuring { queue.restart(at: now) }
        admit(&calls, at: now)
    }

    /// The backend said that it has too much to do.
    mutating func overloaded(at now: Instant) { limit.overloaded(at: now) }

    /// Turns away who waits for too long.
    mutating func tick(_ calls: inout [TurnstileCall], at now: Instant) {
        if queue.count == 0 { emptyAt = now }
        dropLate(&calls, at: now)
        admit(&calls, at: now)
    }

    /// Why somebody is not let in.
    func refusal(_ reason: TurnstileRefusal.Reason) -> TurnstileRefusal {
        let wait = gap * Double(queue.count + 1)
        let bounded = max(1e9, min(wait, 60e9))
        return TurnstileRefusal(
            reason, inside: inside, waiting: queue.count, retryAfter: Nanoseconds(Int64(bounded)))
    }

    private mutating func refuse(_ reason: TurnstileRefusal.Reason) -> TurnstileAnswer {
        tally.refused[Self.column(reason)] += 1
        return .refused(refusal(reason))
    }

    private mutating func admit(_ calls: inout [TurnstileCall], at now: Instant) {
        while queue.count > 0, inside < limit.capacity {
            limit.binds()
            guard let next = queue.pop(pressedFor: interval, at: now) else { break }
            if next.deadline <= now {
                tally.refused[Self.column(.timeout)] += 1
                calls.append(TurnstileCall(ticket: next.ticket, isLetIn: false))
                continue
            }
            inside += 1
            tally.waited += 1
            calls.append(TurnstileCall(ticket: next.ticket, isLetIn: true))
        }
        if queue.count == 0 { emptyAt = now }
    }

    /// Turns away who has waited for longer than is good while the queue never gets empty. A few
    /// stay in any case, so that a place that becomes free finds somebody.
    private mutating func dropLate(_ calls: inout [TurnstileCall], at now: Instant) {
        guard let interval else { return }
        let spared = max(1, limit.capacity / 8)
        while let late = queue.popLate(
            settings.queueTarget, pressedFor: interval, sparing: spared, at: now)
        {
            drop(late, &calls)
        }
    }

    private mutating func drop(_ entry: AdmissionQueue.Entry, _ calls: inout [TurnstileCall]) {
        tally.refused[Self.column(.dropped)] += 1
        calls.append(TurnstileCall(ticket: entry.ticket, isLetIn: false))
    }

    /// For how long a priority's queue may not get empty before more comes than can be done; nil
    /// while fewer are let in to measure, when that does not say so. Twice the target: who came
    /// together with many others has its turn in that time.
    private var interval: Nanoseconds? { limit.isMeasuring ? nil : settings.queueTarget * 2 }

    /// Whether who comes now would not have its turn before `until`. Under pressure the newest
    /// goes first, so nobody knows.
    private func isTooLate(_ priority: Int, until: Instant, at now: Instant) -> Bool {
        if gap == 0 || queue.isPressed(priority, for: interval, at: now) { return false }
        let wait = gap * Double(queue.ahead(of: priority) + 1)
        return wait > Double((until - now).rawValue)
    }

    private static func column(_ reason: TurnstileRefusal.Reason) -> Int {
        switch reason {
        case .priority: 0
        case .full: 1
        case .late: 2
        case .timeout: 3
        case .dropped: 4
        }
    }
}
