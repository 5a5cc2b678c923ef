// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Bytes that are put in at the end and taken out at the front, in memory lent from a loop.
///
/// An empty queue holds no memory after `clear`, and only then: `drop` leaves a window that was
/// handed out before in place, so that a caller may go on reading what it just dropped.
struct ByteQueue: ~Copyable {
    private let blocks: Blocks
    private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var start = 0
    private var end = 0

    init(_ blocks: Blocks) { self.blocks = blocks }

    deinit { blocks.giveBack(memory) }

    /// Count of bytes in it.
    var count: Int { end &- start }

    /// Whether there are none.
    var isEmpty: Bool { end == start }

    /// The bytes; valid until the next call that adds or clears.
    var window: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: memory.baseAddress.map { UnsafeRawPointer($0) + start }, count: count)
    }

    /// Adds `bytes`, which must not be bytes of this queue.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        guard let base = memory.baseAddress else { return }
        memcpy(base + end, source, bytes.count)
        end &+= bytes.count
    }

    /// Adds the bytes of an array.
    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// Adds an ASCII literal.
    mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Room for at least `least` more bytes, to be written from its start; then call `filled`.
    mutating func room(_ least: Int) -> UnsafeMutableRawBufferPointer {
        reserve(least)
        return UnsafeMutableRawBufferPointer(rebasing: memory[end...])
    }

    /// The first `count` bytes of the last `room` were written.
    mutating func filled(_ count: Int) {
        precondition(count >= 0 && count <= memory.count - end, "more was filled than room given")
        end += count
    }

    /// Takes `count` bytes out at the front.
    mutating func drop(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "more was dropped than is there")
        start += count
    }

    /// Drops everything and gives the memory back.
    mutating func clear() {
        start = 0
        end = 0
        guard memory.baseAddress != nil else { return }
        blocks.giveBack(memory)
        memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    private mutating func reserve(_ more: Int) {
        if start == end {
            start = 0
            end = 0
        }
        if memory.count &- end >= more { return }
        let count = self.count
        // What was dropped at the front is room too, when moving the rest is cheap.
        if memory.count - count >= more, start >= count {
            if let base = memory.baseAddress { memmove(base, base + start, count) }
        } else {
            let larger = blocks.take(count + more)
            if let from = memory.baseAddress, let to = larger.baseAddress {
                memcpy(to, from + start, count)
            }
            blocks.giveBack(memory)
            memory = larger
        }
        start = 0
        end = count
    }
}
