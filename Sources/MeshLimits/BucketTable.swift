// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The buckets of one limit by key: a flat table of bounded size that never allocates for a key
/// it knows.
///
/// Buckets stand in one array, found through an index of open addressing and linked from the
/// newest used to the oldest. When the bound is reached a bucket is forgotten, which gives its
/// key a full one; so of the oldest few the one is taken that gives away least: a full one
/// (nothing is lost), else the one with the most left, one in debt only when all are, one with
/// requests under way last.
///
/// Invariant: every bucket is in the index and in the chain exactly once.
struct BucketTable: Sendable {
    /// The buckets.
    var entries: [Entry] = []
    /// Buckets that were forgotten before they were full.
    private var lossyEvictions: UInt64 = 0
    private var index: [Int32] = []
    private var newest: Int32 = -1
    private var oldest: Int32 = -1
    private var entriesMax: Int

    /// One bucket with its key.
    struct Entry: Sendable {
        /// The hash of the key.
        fileprivate(set) var hash: UInt64
        /// The key itself, for hashes can be equal.
        fileprivate(set) var key: [UInt8]
        /// What is left.
        var bucket: Bucket
        /// Reservations that run.
        var holds: Int32 = 0
        /// Rises when the place is given to another key.
        fileprivate(set) var generation: UInt32 = 0
        fileprivate var newer: Int32 = -1
        fileprivate var older: Int32 = -1
    }

    /// An empty table of at most `entriesMax` buckets.
    init(entriesMax: Int) {
        self.entriesMax = max(1, entriesMax)
        index = Array(repeating: -1, count: 4)
    }

    /// The place of the bucket of `key`, a full one when there is none yet.
    ///
    /// **Complexity** O(1); allocates for a key that is not known.
    mutating func place(
        of key: borrowing [UInt8], hash: UInt64, _ allowance: Allowance, at now: Instant
    ) -> Int {
        var slot = Int(truncatingIfNeeded: hash) & (index.count - 1)
        while index[slot] >= 0 {
            let place = Int(index[slot])
            if entries[place].hash == hash, entries[place].key == copy key {
                if newest != Int32(place) {
                    unlink(place)
                    linkAsNewest(place)
                }
                return place
            }
            slot = (slot + 1) & (index.count - 1)
        }
        // An array of its own, for that of the caller has room for the longest key.
        return insert(unsafe key.span.bytes.array, hash, allowance, at: now)
    }

    /// Goes over from one allowance and bound to others. With a smaller bound nothing is
    /// forgotten at once, but nothing more is kept either.
    mutating func move(
        from old: Allowance, to new: Allowance, entriesMax: Int, at now: Instant
    ) {
        for place in entries.indices { entries[place].bucket.move(from: old, to: new, at: now) }
        self.entriesMax = max(1, entriesMax, entries.count)
    }

    /// How many buckets were forgotten before they were full, since the last call.
    mutating func takeLossyEvictions() -> UInt64 {
        defer { lossyEvictions = 0 }
        return lossyEvictions
    }

    private mutating func insert(
        _ key: [UInt8], _ hash: UInt64, _ allowance: Allowance, at now: Instant
    ) -> Int {
        let bucket = Bucket(full: allowance, at: now)
        let place: Int
        if entries.count < entriesMax {
            place = entries.count
            entries.append(Entry(hash: hash, key: key, bucket: bucket))
            if entries.count * 2 > index.count { growIndex() }
        } else {
            place = leastMissed(allowance, at: now)
            if entries[place].bucket.level < allowance.capacity { lossyEvictions &+= 1 }
            removeFromIndex(place)
            unlink(place)
            entries[place].hash = hash
            entries[place].key = key
            entries[place].bucket = bucket
            entries[place].holds = 0
            entries[place].generation &+= 1
        }
        linkAsNewest(place)
        insertIntoIndex(place)
        return place
    }

    /// The place of the bucket that is forgotten next.
    private mutating func leastMissed(_ allowance: Allowance, at now: Instant) -> Int {
        var best = Int(oldest)
        var bestIsHeld = true
        var bestLevel = Int64.min
        var cursor = oldest
        for _ in 0..<Limits.evictionWindow where cursor >= 0 {
            let place = Int(cursor)
            entries[place].bucket.refill(allowance, at: now)
            let isHeld = entries[place].holds > 0
            let level = entries[place].bucket.level
            if !isHeld, level == allowance.capacity { return place }
            if (bestIsHeld && !isHeld) || (bestIsHeld == isHeld && level > bestLevel) {
                (best, bestIsHeld, bestLevel) = (place, isHeld, level)
            }
            cursor = entries[place].newer
        }
        return best
    }
}

// MARK: The chain and the index

extension BucketTable {
    private mutating func linkAsNewest(_ place: Int) {
        entries[place].older = newest
        entries[place].newer = -1
        if newest >= 0 { entries[Int(newest)].newer = Int32(place) }
        newest = Int32(place)
        if oldest < 0 { oldest = Int32(place) }
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (entries[place].newer, entries[place].older)
        if newer >= 0 { entries[Int(newer)].older = older } else { newest = older }
        if older >= 0 { entries[Int(older)].newer = newer } else { oldest = newer }
    }

    private mutating func growIndex() {
        index = Array(repeating: -1, count: index.count * 4)
        for place in 0..<(entries.count - 1) { insertIntoIndex(place) }
    }

    private mutating func insertIntoIndex(_ place: Int) {
        var slot = Int(truncatingIfNeeded: entries[place].hash) & (index.count - 1)
        while index[slot] >= 0 { slot = (slot + 1) & (index.count - 1) }
        index[slot] = Int32(place)
    }

    /// Takes `place` out of the index and moves up what stood behind it.
    ///
    /// **Source** Knuth, "The Art of Computer Programming" vol. 3, section 6.4, algorithm R.
    private mutating func removeFromIndex(_ place: Int) {
        let mask = index.count - 1
        var hole = Int(truncatingIfNeeded: entries[place].hash) & mask
        while index[hole] != Int32(place) { hole = (hole + 1) & mask }
        index[hole] = -1
        var next = (hole + 1) & mask
        while index[next] >= 0 {
            let home = Int(truncatingIfNeeded: entries[Int(index[next])].hash) & mask
            if (next - home) & mask >= (next - hole) & mask {
                index[hole] = index[next]
                index[next] = -1
                hole = next
            }
            next = (next + 1) & mask
        }
    }

    /// What is wrong with the table, or nil.
    func invariants(_ allowance: Allowance) -> String? {
        if entries.count > entriesMax { return "\(entries.count) buckets of \(entriesMax)" }
        var chained = 0
        var cursor = oldest
        while cursor >= 0, chained <= entries.count {
            chained += 1
            cursor = entries[Int(cursor)].newer
        }
        if chained != entries.count { return "\(chained) of \(entries.count) are chained" }
        if index.count(where: { $0 >= 0 }) != entries.count { return "the index has others" }
        for (place, entry) in entries.enumerated() {
            var slot = Int(truncatingIfNeeded: entry.hash) & (index.count - 1)
            while index[slot] >= 0, index[slot] != Int32(place) {
                slot = (slot + 1) & (index.count - 1)
            }
            if index[slot] < 0 { return "bucket \(place) cannot be found" }
            if entry.holds < 0 { return "bucket \(place) has \(entry.holds) holds" }
            let bucket = entry.bucket
            if bucket.level > allowance.capacity || bucket.level < allowance.floor {
                return "bucket \(place) is at \(bucket.level)"
            }
            if bucket.remainder >= allowance.period { return "bucket \(place) has too much left" }
        }
        return nil
    }
}
