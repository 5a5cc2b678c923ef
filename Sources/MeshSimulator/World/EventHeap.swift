// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What will happen in a world, soonest first; what is due at one instant happens in the order
/// in which it was entered.
struct EventHeap {
    /// One thing that will happen.
    struct Entry {
        /// When.
        var at: Instant
        /// Rises with every entry.
        var order: UInt64
        /// What.
        var kind: Kind
        /// Which one: the place of a batch, an errand or a server.
        var place: Int32

        /// Whether it happens before `other`.
        @inline(__always)
        func precedes(_ other: Entry) -> Bool {
            at.nanoseconds == other.at.nanoseconds ? order < other.order : at < other.at
        }
    }

    /// What sort of thing happens.
    enum Kind: UInt8 {
        /// Bytes reach sockets.
        case arrivals
        /// An errand is due.
        case errand
        /// An engine has something to say.
        case server
    }

    private var entries: [Entry] = []
    private var order: UInt64 = 0

    /// Whether nothing will happen.
    var isEmpty: Bool { entries.isEmpty }
    /// When the next thing happens, or nil.
    var nextAt: Instant? { entries.first?.at }

    /// Enters something that happens at `at`.
    mutating func push(_ kind: Kind, _ place: Int32, at: Instant) {
        order &+= 1
        let entry = Entry(at: at, order: order, kind: kind, place: place)
        var hole = entries.count
        entries.append(entry)
        while hole > 0 {
            let parent = (hole &- 1) / 2
            guard entry.precedes(entries[parent]) else { break }
            entries[hole] = entries[parent]
            hole = parent
        }
        entries[hole] = entry
    }

    /// Takes what happens next, or nil.
    mutating func pop() -> Entry? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        let count = entries.count
        guard count > 0 else { return first }
        var hole = 0
        while true {
            var child = 2 &* hole &+ 1
            guard child < count else { break }
            if child &+ 1 < count, entries[child &+ 1].precedes(entries[child]) { child &+= 1 }
            guard entries[child].precedes(last) else { break }
            entries[hole] = entries[child]
            hole = child
        }
        entries[hole] = last
        return first
    }
}
