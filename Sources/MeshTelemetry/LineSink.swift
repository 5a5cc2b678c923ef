// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Writes JSON into memory that was set aside for one whole line.
///
/// Each write first looks whether it fits and is left out when not, so that a wrong bound costs a
/// line and never memory; `Limits.accessLineBytes` is large enough for every line. It is called
/// safe for that reason, and because it cannot be copied out of the call that lends the memory.
@safe
struct LineSink: ~Copyable {
    private let base: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    /// Bytes written.
    private(set) var count = 0

    /// A sink over `buffer`, which is not yet written to.
    init(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        // An empty buffer has no address; the capacity of 0 keeps the stand-in from being used.
        unsafe base = buffer.baseAddress ?? UnsafeMutablePointer(bitPattern: 1).unsafelyUnwrapped
        capacity = buffer.count
    }

    /// Writes one byte.
    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        guard count < capacity else { return }
        unsafe base[count] = byte
        count &+= 1
    }

    /// Writes text of our own that needs no escape.
    @inline(__always)
    mutating func literal(_ text: StaticString) {
        unsafe copy(text.utf8Start, text.utf8CodeUnitCount)
    }

    /// Writes `length` bytes from `start` as they are.
    @inline(__always)
    private mutating func copy(_ start: UnsafePointer<UInt8>, _ length: Int) {
        guard length <= capacity &- count else { return }
        unsafe (base + count).update(from: start, count: length)
        count &+= length
    }

    /// Writes `bytes` as they are.
    @inline(__always)
    mutating func raw(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return }
            unsafe copy(start.assumingMemoryBound(to: UInt8.self), buffer.count)
        }
    }

    /// Writes eight bytes, lowest first.
    @inline(__always)
    mutating func word(_ word: UInt64) {
        guard count &+ 8 <= capacity else { return }
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(
            of: word.littleEndian, as: UInt64.self)
        count &+= 8
    }

    /// Writes `value` in decimal.
    mutating func decimal(_ value: UInt64) {
        var length = 1
        var bound: UInt64 = 10
        while length < 20, value >= bound {
            length &+= 1
            let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
            if overflow { break }
            bound = next
        }
        guard count &+ length <= capacity else { return }
        var rest = value
        var i = count &+ length
        while i > count {
            i &-= 1
            unsafe base[i] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count &+= length
    }

    /// Writes nanoseconds as milliseconds with three decimals; a negative length is 0.
    mutating func milliseconds(_ length: Nanoseconds) {
        let microseconds = UInt64(max(0, length.rawValue)) / 1_000
        decimal(microseconds / 1_000)
        byte(UInt8(ascii: "."))
        threeDigits(UInt32(truncatingIfNeeded: microseconds % 1_000))
    }

    /// Writes trillionths of a unit as a decimal number of units, without zeros at its end.
    mutating func trillionths(_ value: UInt64) {
        decimal(value / Money.trillionthsPerUnit)
        let (digits, count) = Money.fraction(value)
        guard count > 0 else { return }
        byte(UInt8(ascii: "."))
        var unit: UInt64 = 1
        for _ in 1..<count { unit &*= 10 }
        while unit > 0 {
            byte(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: digits / unit % 10))
            unit /= 10
        }
    }

    /// Writes the three letters of a currency.
    mutating func letters(_ currency: Currency) {
        byte(UInt8(truncatingIfNeeded: currency.code >> 16))
        byte(UInt8(truncatingIfNeeded: currency.code >> 8))
        byte(UInt8(truncatingIfNeeded: currency.code))
    }

    /// Writes a number below 1,000 with its leading zeros.
    mutating func threeDigits(_ value: UInt32) {
        let zero = UInt8(ascii: "0")
        byte(zero &+ UInt8(truncatingIfNeeded: value / 100))
        byte(zero &+ UInt8(truncatingIfNeeded: value / 10 % 10))
        byte(zero &+ UInt8(truncatingIfNeeded: value % 10))
    }

    /// Writes the 16 digits of `value`.
    @inline(__always)
    mutating func hexadecimal(_ value: UInt64) {
        word(Hexadecimal.digits(UInt32(truncatingIfNeeded: value >> 32)))
        word(Hexadecimal.digits(UInt32(truncatingIfNeeded: value)))
    }

    /// Writes the 36 characters of `id`.
    mutating func uuid(_ id: RequestID) {
        let hyphen = UInt8(ascii: "-")
        word(Hexadecimal.digits(UInt32(truncatingIfNeeded: id.high >> 32)))
        let middle = Hexadecimal.digits(UInt32(truncatingIfNeeded: id.high))
        byte(hyphen)
        half(middle)
        byte(hyphen)
        half(middle >> 32)
        let last = Hexadecimal.digits(UInt32(truncatingIfNeeded: id.low >> 32))
        byte(hyphen)
        half(last)
        byte(hyphen)
        half(last >> 32)
        word(Hexadecimal.digits(UInt32(truncatingIfNeeded: id.low)))
    }

    /// Writes the two digits of `value`.
    @inline(__always)
    mutating func hexadecimal(byte value: UInt8) {
        byte(ASCII.hexDigit(value >> 4))
        byte(ASCII.hexDigit(value & 15))
    }

    @inline(__always)
    private mutating func half(_ word: UInt64) {
        guard count &+ 4 <= capacity else { return }
        unsafe UnsafeMutableRawPointer(base + count).storeBytes(
            of: UInt32(truncatingIfNeeded: word).littleEndian, as: UInt32.self)
        count &+= 4
    }
}

extension [UInt8] {
    /// Appends what `write` puts into a sink with room for `capacity` bytes.
    @inline(__always)
    mutating func append(atMost capacity: Int, _ write: (inout LineSink) -> Void) {
        append(addingCapacity: capacity) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, count in
                var sink = unsafe LineSink(buffer)
                write(&sink)
                count = sink.count
            }
        }
    }
}
