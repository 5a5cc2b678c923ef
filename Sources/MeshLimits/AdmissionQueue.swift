// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Requests that wait for a place, in bands of one priority each.
///
/// The highest band goes first, but every twentieth place goes to the lowest, so that nobody
/// waits for ever. Within a band the oldest goes first while the band gets empty from time to
/// time. While it does not it is *pressed*, and the newest does: somebody who just came still waits
/// for the answer, and who came first has mostly given up. A band that gets its turn in time is not
/// touched by one below it that does not.
struct AdmissionQueue: Sendable {
    /// Somebody who waits.
    struct Entry: Sendable, Hashable {
        /// What it is known by; rises with every entry.
        var ticket: UInt64
        /// When it came.
        var since: Instant
        /// When it is too late.
        var deadline: Instant
    }

    private struct Band: Sendable {
        var priority: Int
        /// When it was empty last.
        var since = Instant(nanoseconds: 0)
        /// In order of ticket; an entry that was taken out is nil.
        var entries: [Entry?] = []
        var head = 0
        var count = 0
    }

    /// From the highest priority to the lowest.
    private var bands: [Band] = []
    /// How many wait.
    private(set) var count = 0
    private var turns = 0

    /// How many wait in front of one of `priority` when the oldest goes first.
    func ahead(of priority: Int) -> Int {
        var sum = 0
        for band in bands where band.priority >= priority { sum += band.count }
        return sum
    }

    /// Puts somebody in.
    mutating func push(_ entry: Entry, priority: Int) {
        var place = 0
        while place < bands.count, bands[place].priority > priority { place += 1 }
        if place == bands.count || bands[place].priority != priority {
            bands.insert(Band(priority: priority), at: place)
        }
        if bands[place].count == 0 { bands[place].since = entry.since }
        bands[place].entries.append(entry)
        bands[place].count += 1
        count += 1
    }

    /// Whether the band of `priority` has not been empty for longer than `interval`; never without
    /// one.
    func isPressed(_ priority: Int, for interval: Nanoseconds?, at now: Instant) -> Bool {
        bands.first { $0.priority == priority }.map { isPressed($0, interval, now) } ?? false
    }

    private func isPressed(_ band: Band, _ interval: Nanoseconds?, _ now: Instant) -> Bool {
        guard let interval, band.count > 0 else { return false }
        return now - band.since > interval
    }

    /// Counts from `now` on for how long each band has not been empty.
    mutating func restart(at now: Instant) {
        for place in bands.indices { bands[place].since = now }
    }

    /// Takes out whose turn it is; nil when nobody waits. Of a band that is pressed for longer than
    /// `interval` it is the newest, of others the oldest.
    mutating func pop(pressedFor interval: Nanoseconds?, at now: Instant) -> Entry? {
        guard count > 0 else { return nil }
        turns += 1
        let isLowest = turns % Limits.lowestTurn == 0
        let filled = isLowest ? bands.lastIndex { $0.count > 0 } : bands.firstIndex { $0.count > 0 }
        guard let filled else { return nil }
        return take(from: filled, newest: isPressed(bands[filled], interval, now))
    }

    /// Takes out somebody of the lowest priority below `priority`, to make room; nil when nobody
    /// is worth less.
    mutating func popBelow(
        _ priority: Int, pressedFor interval: Nanoseconds?, at now: Instant
    ) -> Entry? {
        guard let place = bands.lastIndex(where: { $0.count > 0 }),
            bands[place].priority < priority
        else { return nil }
        // Who would be served last.
        return take(from: place, newest: !isPressed(bands[place], interval, now))
    }

    /// Takes out one that has waited for longer than `target` in a band that is pressed for
    /// `interval`, of the lowest priority first, as long as more than `spared` wait.
    mutating func popLate(
        _ target: Nanoseconds, pressedFor interval: Nanoseconds, sparing spared: Int,
        at now: Instant
    ) -> Entry? {
        guard count > spared else { return nil }
        for place in bands.indices.reversed() where isPressed(bands[place], interval, now) {
            skipGone(place)
            if let first = bands[place].entries[bands[place].head], now - first.since > target {
                return take(from: place, newest: false)
            }
        }
        return nil
    }

    /// Takes out the one of `ticket`; false when it does not wait.
    mutating func remove(_ ticket: UInt64) -> Bool {
        for place in bands.indices where bands[place].count > 0 {
            guard let at = index(of: ticket, in: bands[place]) else { continue }
            bands[place].entries[at] = nil
            bands[place].count -= 1
            count -= 1
            tidy(place)
            return true
        }
        return false
    }

    private func index(of ticket: UInt64, in band: Band) -> Int? {
        // Holes are few: they are left where somebody gave up.
        var low = band.head
        var high = band.entries.count
        while low < high {
            let middle = (low + high) / 2
            var probe = middle
            while probe < high, band.entries[probe] == nil { probe += 1 }
            if probe < high, let entry = band.entries[probe], entry.ticket < ticket {
                low = probe + 1
            } else if probe < high, let entry = band.entries[probe], entry.ticket == ticket {
                return probe
            } else {
                high = middle
            }
        }
        return nil
    }

    private mutating func take(from place: Int, newest: Bool) -> Entry? {
        var found: Entry?
        if newest {
            while let last = bands[place].entries.popLast() {
                if let last {
                    found = last
                    break
                }
            }
        } else {
            skipGone(place)
            found = bands[place].entries[bands[place].head]
            bands[place].entries[bands[place].head] = nil
        }
        bands[place].count -= 1
        count -= 1
        tidy(place)
        return found
    }

    /// Moves the head of a band that is not empty to its first entry.
    private mutating func skipGone(_ place: Int) {
        while bands[place].entries[bands[place].head] == nil { bands[place].head += 1 }
    }

    private mutating func tidy(_ place: Int) {
        if bands[place].count == 0 {
            bands[place].entries.removeAll(keepingCapacity: true)
            bands[place].head = 0
        } else if bands[place].head > 64, bands[place].head > bands[place].entries.count / 2 {
            bands[place].entries.removeFirst(bands[place].head)
            bands[place].head = 0
        }
    }
}
