// SPDX-License-Identifier: Apache-2.0

/// A half-open range of byte offsets in some buffer; 8 bytes wide so that heads stay small.
@usableFromInline
package struct ByteRange: Hashable, Sendable {
    /// Offset of the first byte.
    @usableFromInline package var lowerBound: UInt32
    /// Offset just behind the last byte.
    @usableFromInline package var upperBound: UInt32

    /// The bytes `lowerBound ..< upperBound`; the caller keeps `lowerBound <= upperBound`.
    @inlinable
    package init(_ lowerBound: Int, _ upperBound: Int) {
        self.lowerBound = UInt32(truncatingIfNeeded: lowerBound)
        self.upperBound = UInt32(truncatingIfNeeded: upperBound)
    }

    /// No bytes, at offset 0.
    @inlinable
    package static var empty: ByteRange { ByteRange(0, 0) }
    /// Count of bytes.
    @inlinable
    package var count: Int { Int(upperBound) &- Int(lowerBound) }
    /// Whether there are no bytes.
    @inlinable
    package var isEmpty: Bool { lowerBound >= upperBound }
    /// Offset of the first byte.
    @inlinable
    package var start: Int { Int(lowerBound) }
    /// Offset just behind the last byte.
    @inlinable
    package var end: Int { Int(upperBound) }
    /// The same offsets as a standard range, as `RawSpan.extracting(_:)` takes them.
    @inlinable
    package var range: Range<Int> { Int(lowerBound)..<Int(upperBound) }
}

extension RawSpan {
    /// The byte at `offset`. Traps when out of bounds.
    @inlinable
    package subscript(offset: Int) -> UInt8 {
        @inline(__always)
        get { unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self) }
    }

    /// The eight bytes from `offset` on, little-endian. Traps when out of bounds.
    @inlinable
    @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        UInt64(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Offset of the first `byte` at or behind `from`, or nil. Looks at eight bytes at a time.
    @inlinable
    package func firstIndex(of byte: UInt8, from: Int = 0) -> Int? {
        var i = from
        let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
        while i &+ 8 <= byteCount {
            let x = word(at: i) ^ pattern
            let hit = (x &- 0x0101_0101_0101_0101) & ~x & 0x8080_8080_8080_8080
            if hit != 0 { return i &+ (hit.trailingZeroBitCount &>> 3) }
            i &+= 8
        }
        while i < byteCount {
            if self[i] == byte { return i }
            i &+= 1
        }
        return nil
    }

    /// Whether both spans hold the same bytes.
    @inlinable
    package func equals(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        var i = 0
        while i &+ 8 <= byteCount {
            if word(at: i) != other.word(at: i) { return false }
            i &+= 8
        }
        while i < byteCount {
            if self[i] != other[i] { return false }
            i &+= 1
        }
        return true
    }

    /// Whether the bytes are those of `text`.
    @inlinable
    package func equals(_ text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        return hasPrefix(text)
    }

    /// Whether the bytes begin with those of `text`.
    @inlinable
    package func hasPrefix(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard byteCount >= count else { return false }
        var i = 0
        while i < count {
            if unsafe self[i] != text.utf8Start[i] { return false }
            i &+= 1
        }
        return true
    }

    /// Whether the bytes begin with those of `prefix`.
    @inlinable
    package func hasPrefix(_ prefix: RawSpan) -> Bool {
        guard byteCount >= prefix.byteCount else { return false }
        return extracting(0..<prefix.byteCount).equals(prefix)
    }

    /// Whether the bytes are those of `text`, ASCII letters compared without case.
    /// `text` must be written in lower case.
    @inlinable
    package func equalsIgnoringCase(_ text: StaticString) -> Bool {
        guard byteCount == text.utf8CodeUnitCount else { return false }
        var i = 0
        while i < byteCount {
            if unsafe ASCII.lowercased(self[i]) != text.utf8Start[i] { return false }
            i &+= 1
        }
        return true
    }

    /// Whether both spans hold the same bytes, ASCII letters compared without case.
    @inlinable
    package func equalsIgnoringCase(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        var i = 0
        while i < byteCount {
            if ASCII.lowercased(self[i]) != ASCII.lowercased(other[i]) { return false }
            i &+= 1
        }
        return true
    }

    /// The bytes as text; invalid UTF-8 is replaced by U+FFFD. Allocates: not for the hot path.
    package var text: String {
        unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// The bytes as an array. Allocates.
    package var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

    /// The non-negative decimal number that the bytes spell, or nil when they hold anything but
    /// 1 to 19 digits.
    @inlinable
    package var decimal: Int? {
        guard byteCount > 0, byteCount <= 19 else { return nil }
        var value: UInt64 = 0
        var i = 0
        while i < byteCount {
            let digit = self[i] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            i &+= 1
        }
        return Int(exactly: value)
    }
}

extension [UInt8] {
    /// Appends the bytes of `span`.
    @inlinable
    package mutating func append(_ span: RawSpan) {
        unsafe span.withUnsafeBytes { unsafe self.append(contentsOf: $0) }
    }

    /// Appends the bytes of `text`.
    @inlinable
    package mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe self.append(contentsOf: $0) }
    }

    /// Appends the UTF-8 bytes of `text`.
    @inlinable
    package mutating func append(_ text: String) { append(contentsOf: text.utf8) }

    /// Appends `value` in decimal, padded with zeros to `width` digits.
    package mutating func appendDecimal(_ value: Int, width: Int = 1) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var digits = 1
        var rest = value.magnitude / 10
        while rest > 0 {
            digits &+= 1
            rest /= 10
        }
        for _ in 0..<Swift.max(digits, width) { append(UInt8(ascii: "0")) }
        // From the last digit on: a slice turned around would copy the whole array.
        rest = value.magnitude
        var i = count
        while rest > 0 {
            i &-= 1
            self[i] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// Appends `value` in lower-case hexadecimal without leading zeros.
    package mutating func appendHexadecimal(_ value: Int) {
        var shift = 60
        let bits = UInt64(bitPattern: Int64(value))
        while shift > 0, (bits >> UInt64(shift)) & 15 == 0 { shift -= 4 }
        while shift >= 0 {
            append(ASCII.hexDigit(UInt8((bits >> UInt64(shift)) & 15)))
            shift -= 4
        }
    }
}

/// Small facts about single ASCII bytes.
@usableFromInline
package enum ASCII {
    /// `byte` with `A`-`Z` turned into `a`-`z`.
    @inlinable
    @inline(__always)
    package static func lowercased(_ byte: UInt8) -> UInt8 {
        byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// Whether `byte` is `0`-`9`.
    @inlinable
    package static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// The value of a hexadecimal digit of either case, or nil.
    @inlinable
    package static func hexValue(_ byte: UInt8) -> UInt8? {
        if byte &- UInt8(ascii: "0") < 10 { return byte &- UInt8(ascii: "0") }
        let lower = byte | 0x20
        if lower &- UInt8(ascii: "a") < 6 { return lower &- UInt8(ascii: "a") &+ 10 }
        return nil
    }

    /// The lower-case hexadecimal digit of `value`, which is 0 to 15.
    @inlinable
    package static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ value &- 10
    }
}
