// SPDX-License-Identifier: Apache-2.0

/// Finds the place of a block by its hash.
///
/// The keys are hashes already, so hashing them again as a dictionary does would cost more than
/// all the rest: they are spread by one multiplication, and collisions go to the next free place.
///
/// **Source**: Knuth, The Art of Computer Programming 3, section 6.4: multiplicative hashing,
/// linear probing, and deletion that closes the gap (algorithm R).
struct BlockIndex: Sendable {
    private var keys: [UInt64] = []
    /// Places by slot; -1 where a slot is free.
    private var places: [Int32] = []
    private var count = 0
    private var shift: UInt64 = 64

    init() {}

    /// The place of `key`, or nil. At most three quarters of the slots are taken, so that probes
    /// stay short.
    subscript(key: UInt64) -> Int32? {
        get {
            guard count > 0 else { return nil }
            var slot = home(of: key)
            while places[slot] >= 0 {
                if keys[slot] == key { return places[slot] }
                slot = next(slot)
            }
            return nil
        }
        set {
            if let newValue { insert(key, newValue) } else { remove(key) }
        }
    }

    /// The place that `key` has already; nil when it had none, and has `place` from now on.
    mutating func claim(_ key: UInt64, _ place: Int32) -> Int32? {
        if (count + 1) * 4 > places.count * 3 { grow() }
        var slot = home(of: key)
        while places[slot] >= 0 {
            if keys[slot] == key { return places[slot] }
            slot = next(slot)
        }
        count += 1
        keys[slot] = key
        places[slot] = place
        return nil
    }

    private func home(of key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) &>> shift)
    }

    private func next(_ slot: Int) -> Int { slot &+ 1 == places.count ? 0 : slot &+ 1 }

    private mutating func insert(_ key: UInt64, _ place: Int32) {
        if (count + 1) * 4 > places.count * 3 { grow() }
        var slot = home(of: key)
        while places[slot] >= 0, keys[slot] != key { slot = next(slot) }
        if places[slot] < 0 { count += 1 }
        keys[slot] = key
        places[slot] = place
    }

    private mutating func remove(_ key: UInt64) {
        guard count > 0 else { return }
        var hole = home(of: key)
        while keys[hole] != key || places[hole] < 0 {
            guard places[hole] >= 0 else { return }
            hole = next(hole)
        }
        count -= 1
        places[hole] = -1
        // Whoever had to step over the hole on the way to its slot moves into it.
        var slot = next(hole)
        while places[slot] >= 0 {
            let home = home(of: keys[slot])
            let stays = hole <= slot ? hole < home && home <= slot : hole < home || home <= slot
            if !stays {
                keys[hole] = keys[slot]
                places[hole] = places[slot]
                places[slot] = -1
                hole = slot
            }
            slot = next(slot)
        }
    }

    private mutating func grow() {
        let (oldKeys, oldPlaces) = (keys, places)
        let size = max(64, places.count * 2)
        shift = UInt64(64 - size.trailingZeroBitCount)
        keys = Array(repeating: 0, count: size)
        places = Array(repeating: -1, count: size)
        count = 0
        for slot in oldPlaces.indices where oldPlaces[slot] >= 0 {
            insert(oldKeys[slot], oldPlaces[slot])
        }
    }
}
