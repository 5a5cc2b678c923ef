// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A hash table from byte strings to numbers, laid out in three flat arrays.
///
/// A key is a string within a *scope* (the number of a hostname's group), so one table serves
/// every hostname. Open addressing with linear probing at a load of at most one half; a slot
/// carries 32 bits of the hash, so that nearly every key that is compared is the right one. Keys
/// are compared whole: what a caller sends can make a search miss, never lead it astray, and the
/// length of a probe is decided by what operators wrote alone.
package struct RouteKeys: Sendable {
    /// 0 for a free slot, else 32 bits of the hash above the number of the key, from 1.
    private var slots: [UInt64]
    private var keys: [Key] = []
    private var bytes: [UInt8] = []

    private struct Key: Sendable {
        var start: Int32
        var count: Int32
        var scope: Int32
        var value: Int32
    }

    /// An empty table with room for `capacity` keys.
    init(capacity: Int) {
        var size = 4
        while size < capacity * 2 { size *= 2 }
        slots = Array(repeating: 0, count: size)
        keys.reserveCapacity(capacity)
    }

    /// Whether there are no keys.
    package var isEmpty: Bool { keys.isEmpty }

    /// Adds `key`, which must not be there yet and, for a table that is searched without case,
    /// must be in lower case. The caller adds no more keys than there is room for.
    mutating func insert(_ key: [UInt8], scope: Int32, value: Int32) {
        let hash = Self.hash(unsafe key.span.bytes, scope: scope, lowercasing: false)
        keys.append(
            Key(start: Int32(bytes.count), count: Int32(key.count), scope: scope, value: value))
        bytes.append(contentsOf: key)
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
        slots[slot] = (hash & Self.tagMask) | UInt64(keys.count)
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
        let mask = slots.count &- 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let found = slots[slot]
            if found == 0 { return -1 }
            if (found ^ hash) & Self.tagMask == 0 {
                let candidate = keys[Int(found & 0xFFFF_FFFF) &- 1]
                if candidate.scope == scope,
                    isEqual(key, candidate, lowercasing: lowercasing)
                {
                    return candidate.value
                }
            }
            slot = (slot &+ 1) & mask
        }
    }

    @inline(__always)
    private func isEqual(_ key: RawSpan, _ other: Key, lowercasing: Bool) -> Bool {
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

    private static var tagMask: UInt64 { 0xFFFF_FFFF_0000_0000 }

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
