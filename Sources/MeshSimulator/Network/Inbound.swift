// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Bytes that were read and not yet used.
struct Inbound {
    /// The bytes; those before `at` are used.
    var bytes: [UInt8] = []
    /// Where the unused ones begin.
    var at = 0

    /// How many are not used.
    var count: Int { bytes.count &- at }
    /// Whether all are used.
    var isEmpty: Bool { at >= bytes.count }

    /// Marks the next `count` bytes as used.
    mutating func drop(_ count: Int) {
        at &+= count
        if at >= bytes.count { clear() }
    }

    /// Forgets everything.
    mutating func clear() {
        if !bytes.isEmpty { bytes.removeAll(keepingCapacity: bytes.capacity <= 64 * 1024) }
        at = 0
    }

    /// The next `count` bytes, taken out.
    mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(bytes[at..<at + count])
        drop(count)
        return taken
    }
}
