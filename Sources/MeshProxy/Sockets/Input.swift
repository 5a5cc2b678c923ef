// SPDX-License-Identifier: Apache-2.0

/// Bytes that a connection read and has not used yet.
///
/// While an event lasts they stand in the loop's one read buffer; what is left at its end moves
/// to memory of the connection's own. So a connection that uses what it reads, as nearly all do,
/// holds no memory and copies nothing.
struct Input: ~Copyable {
    /// What is not used yet; valid until the end of the event.
    private(set) var window = UnsafeRawBufferPointer(start: nil, count: 0)
    private var kept: ByteQueue
    private var isLent = false

    init(_ blocks: Blocks) { kept = ByteQueue(blocks) }

    /// Count of unused bytes.
    var count: Int { window.count }

    /// Whether there are none.
    var isEmpty: Bool { window.isEmpty }

    /// Uses `count` bytes up.
    mutating func drop(_ count: Int) {
        window = UnsafeRawBufferPointer(rebasing: window[count...])
        if !isLent { kept.drop(count) }
    }

    /// Takes the next `count` bytes, or nil when there are fewer; valid until the event's end.
    mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
        guard count <= window.count else { return nil }
        let taken = UnsafeRawBufferPointer(rebasing: window[..<count])
        drop(count)
        return taken
    }

    /// Throws everything away.
    mutating func clear() {
        kept.clear()
        isLent = false
        window = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// Room for the next read behind what waits, or nil when nothing does and the read should go
    /// to a buffer that is then given to `lend`.
    mutating func room() -> UnsafeMutableRawBufferPointer? {
        isEmpty ? nil : kept.room(SocketLimits.readLeast)
    }

    /// The first `count` bytes of the last `room` were read.
    mutating func filled(_ count: Int) {
        kept.filled(count)
        window = kept.window
    }

    /// More bytes, which stay where they are until the event ends.
    mutating func lend(_ bytes: UnsafeRawBufferPointer) {
        if isEmpty {
            isLent = true
            window = bytes
        } else {
            settle()
            kept.append(bytes)
            window = kept.window
        }
    }

    /// The event is over: keeps what is left of a buffer that others will fill.
    mutating func settle() {
        if isLent {
            isLent = false
            kept.append(window)
        }
        if kept.isEmpty { kept.clear() }
        window = kept.window
    }
}
