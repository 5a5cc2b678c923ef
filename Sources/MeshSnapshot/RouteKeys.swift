// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A hash table from byte strings to numbers, laid out in two flat arrays.
///
/// A key is a string within a *scope* (the number of a hostname's group), so one table serves
/// every hostname. Open addressing with linear probing at a load of at most five eighths; a slot
/// carries 32 bits of the hash, so that nearly every key that is compared is the right one, and
/// everything else about its key, so that a search among many keys waits for memory twice, not
/// three times. Keys are compared whole: what a caller sends can make a search miss, never lead
/// it astray, and the length of a probe is decided by what operators wrote alone.
package struct RouteKeys: Sendable {
    private var slots = [Slot](repeating: .free, count: 8)
    /// The bytes of the keys; keys that are equal but for their scope share them.
    private var bytes: [UInt8] = []
    private var count = 0

    /// A key, or nothing.
    private struct Slot: Sendable {
        /// The high bits of the hash.
        var tag: UInt32
        var scope: Int32
        /// Where the bytes start; -1 when the slot is free.
        var start: Int32
        var count: Int32
        var value: Int32

        static let free = Slot(tag: 0, scope: 0, start: -1, count: 0, value: 0)
    }

    /// An empty table.
    init() {}

    /// Whether there are no keys.
    package var isEmpty: Bool { count == 0 }

    /// Adds `key`, which must not be there yet and, for a table that is searched without case,
    /// must be in lower case. `interned` knows where the bytes of earlier keys are.
    mutating func insert(
        _ key: [UInt8], scope: Int32, value: Int32, interned: inout [[UInt8]: Int32]
    ) {
        if (count + 1) * 8 > slots.count * 5 { grow() }
        let start = interned[key] ?? Int32(bytes.count)
        if start == bytes.count {
            bytes.append(contentsOf: key)
            interned[key] = start
        }
        let hash = Self.hash(unsafe key.span.bytes, scope: scope, lowercasing: false)
        place(
            Slot(
                tag: UInt32(truncatingIfNeeded: hash >> 32), scope: scope, start: start,
                count: Int32(key.count), value: value), hash: hash)
        count += 1
    }

    private mutating func place(_ slot: Slot, hash: UInt64) {
        let mask = slots.count - 1
        var i = Int(truncatingIfNeeded: hash) & mask
        while slots[i].start >= 0 { i = (i + 1) & mask }
        slots[i] = slot
    }

    private mutating func grow() {
        let former = slots
        slots = Array(repeating: .free, count: former.count * 2)
        for slot in former where slot.start >= 0 {
            let key = Array(bytes[Int(slot.start)..<Int(slot.start + slot.count)])
            let hash = Self.hash(
                unsafe key.span.bytes, scope: slot.scope, lowercasing: false)
            place(slot, hash: hash)
        }
    }

    /// The value of `key` in `scope`, or -1. With `lowercasing`, ASCII letters of `key` are taken
    /// as lower case.
    ///
    /// **Complexity** O(length of the key).
    package func find(_ key: RawSpan, scope: Int32, lowercasing: Bool = false) -> Int32 {
        lowercasing
            ? search(key, scope: scope, lowercasing: true)
            : search(key, scope: scope, lowercasing: false)
    }

    @inline(__always)
    private func search(_ key: RawSpan, scope: Int32, lowercasing: Bool) -> Int32 {
        let hash = Self.hash(key, scope: scope, lowercasing: lowercasing)
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        let mask = slots.count &- 1
        var i = Int(truncatingIfNeeded: hash) & mask
        while true {
            let slot = slots[i]
            if slot.start < 0 { return -1 }
            if slot.tag == tag, slot.scope == scope,
                isEqual(key, slot, lowercasing: lowercasing)
            {
                return slot.value
            }
            i = (i &+ 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(_ key: RawSpan, _ other: Slot, lowercasing: Bool) -> Bool {
        let count = key.byteCount
        guard count == Int(other.count) else { return false }
        let stored = unsafe bytes.span.bytes
        let start = Int(other.start)
        var i = 0
        while i &+ 8 <= count {
            let word = Self.lowered(key.word(at: i), lowercasing)
            if word != stored.word(at: start &+ i) { return false }
            i &+= 8
        }
        while i < count {
            let byte = lowercasing ? ASCII.lowercased(key[i]) : key[i]
            if byte != stored[start &+ i] { return false }
            i &+= 1
        }
        return true
    }

    /// Like `StableHash.of`, but able to look at letters without case.
    @inline(__always)
    private static func hash(_ key: RawSpan, scope: Int32, lowercasing: Bool) -> UInt64 {
        let count = key.byteCount
        var hash = UInt64(truncatingIfNeeded: scope) &* 0x9E37_79B9_7F4A_7C15
        hash ^= UInt64(truncatingIfNeeded: count)
        var i = 0
        while i &+ 8 <= count {
            hash = fold(hash, lowered(key.word(at: i), lowercasing))
            i &+= 8
        }
        if i < count {
            let tail = count >= 8 ? key.word(at: count &- 8) : shortWord(key)
            hash = fold(hash, lowered(tail, lowercasing))
        }
        return StableHash.mix(hash)
    }

    /// The bytes of a key of 1 to 7 bytes.
    @inline(__always)
    private static func shortWord(_ key: RawSpan) -> UInt64 {
        var word: UInt64 = 0
        var i = key.byteCount
        while i > 0 {
            i &-= 1
            word = word &<< 8 | UInt64(key[i])
        }
        return word
    }

    @inline(__always)
    private static func fold(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low ^ (word &<< 1)
    }

    /// Eight bytes with `A`-`Z` turned into `a`-`z`, if so asked.
    @inline(__always)
    private static func lowered(_ word: UInt64, _ lowercasing: Bool) -> UInt64 {
        guard lowercasing else { return word }
        let low = word & 0x7F7F_7F7F_7F7F_7F7F
        let fromA = low &+ 0x3F3F_3F3F_3F3F_3F3F
        let behindZ = low &+ 0x2525_2525_2525_2525
        let upper = fromA & ~behindZ & ~word & 0x8080_8080_8080_8080
        return word | (upper >> 2)
    }
}
