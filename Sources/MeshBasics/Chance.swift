// SPDX-License-Identifier: Apache-2.0

/// The one source of chance of the pure rooms: small, fast, and the same from the same seed.
///
/// Not for secrets. **Source**: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
/// Generators", OOPSLA 2014.
@usableFromInline
package struct SplitMix64: RandomNumberGenerator, Sendable {
    /// The whole state of the generator.
    @usableFromInline package var state: UInt64

    /// A generator that starts from `seed`; equal seeds give equal sequences.
    @inlinable
    package init(seed: UInt64) { self.state = seed }

    /// The next 64 bits.
    @inlinable
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return StableHash.mix(state)
    }

    /// A number in `0 ..< bound`; 0 when `bound` is 0. Bias is below `bound / 2^64`.
    @inlinable
    package mutating func below(_ bound: Int) -> Int {
        guard bound > 1 else { return 0 }
        return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A fraction in `0 ..< 1` with 53 bits.
    @inlinable
    package mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A generator for one named purpose, independent of this one's later draws.
    package func split(_ name: String) -> SplitMix64 {
        SplitMix64(seed: StableHash.mix(state ^ StableHash.of(utf8: name)))
    }
}

/// Hashes that are equal in every process (the standard library's differ by design).
///
/// Not for secrets and not collision-proof against an attacker who can choose many keys: tables
/// built on it compare whole keys and bound their probes.
@usableFromInline
package enum StableHash {
    /// Spreads every bit of `x` over the result.
    @inlinable
    package static func mix(_ x: UInt64) -> UInt64 {
        var z = x
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// The hash of `bytes`, eight at a time.
    @inlinable
    package static func of(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 {
        var hash = seed ^ (UInt64(truncatingIfNeeded: bytes.byteCount) &* 0x9E37_79B9_7F4A_7C15)
        var i = 0
        while i &+ 8 <= bytes.byteCount {
            hash = fold(hash, bytes.word(at: i))
            i &+= 8
        }
        if i < bytes.byteCount {
            var tail: UInt64 = 0
            var shift: UInt64 = 0
            while i < bytes.byteCount {
                tail |= UInt64(bytes[i]) << shift
                shift &+= 8
                i &+= 1
            }
            hash = fold(hash, tail)
        }
        return mix(hash)
    }

    /// The hash of a string's UTF-8 bytes; equal to `of(_:seed:)` over the same bytes.
    package static func of(utf8 text: String, seed: UInt64 = 0) -> UInt64 {
        let bytes = Array(text.utf8)
        return of(unsafe bytes.span.bytes, seed: seed)
    }

    @inlinable
    static func fold(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low ^ (word &<< 1)
    }
}
