// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Looks at frames of HTTP/2 before the codec does, for what costs work and says nothing.
///
/// PING is answered and PRIORITY dropped here, at the price of reading nine bytes: the codec
/// remembers when each of them came and gives a peer up after 200 in 30 seconds, which clients
/// that measure their bandwidth by PING reach within a second. Everything else passes as it is,
/// and so does what is malformed: judging it is the codec's.
/// **Source**: RFC 9113 sections 4.1, 6.3, 6.5, 6.7 and 10.5.
struct FrameGate {
    /// What to do with the next bytes.
    enum Piece {
        /// Give this range to the codec.
        case pass(Range<Int>)
        /// Answer a PING with the eight bytes at this offset.
        case ping(Int)
        /// Nothing: the bytes were dropped.
        case skip
        /// Wait for more bytes; what lies behind the offset stays.
        case needMore
        /// The peer sends too many frames of this kind: end the connection.
        case flood(StaticString)
    }

    /// Bytes that pass before frames begin or the present one ends.
    private var passing: Int
    /// Whether a first frame was seen, which must be SETTINGS.
    private var hasBegun = false
    /// Whether a header block is open, in which nothing else may stand.
    private var isInBlock = false
    private var pings: RateGauge
    private var settings: RateGauge
    private var updates: RateGauge

    /// A gate for what a client sends when `awaitsPreface`, else a server.
    init(awaitsPreface: Bool, at now: Instant) {
        passing = awaitsPreface ? Self.preface.utf8CodeUnitCount : 0
        pings = RateGauge(HTTP2Limits.pings, at: now)
        settings = RateGauge(HTTP2Limits.settings, at: now)
        updates = RateGauge(HTTP2Limits.windowUpdates, at: now)
    }

    /// What a client sends first.
    static let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Looks at `bytes` from `offset` on and advances it over what is dealt with.
    mutating func next(
        _ bytes: UnsafeRawBufferPointer, at offset: inout Int, now: Instant
    ) -> Piece {
        let available = bytes.count - offset
        guard available > 0 else { return .needMore }
        if passing > 0 { return pass(min(passing, available), from: &offset) }
        guard available >= 9 else { return .needMore }
        let length =
            Int(bytes[offset]) << 16 | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2])
        let type = bytes[offset + 3]
        let flags = bytes[offset + 4]
        let stream = Self.number(bytes, offset + 5)
        if let verdict = count(type, now: now) { return verdict }
        if hasBegun, !isInBlock {
            if type == Self.ping, length == 8, stream == 0 {
                guard available >= 17 else { return .needMore }
                offset += 17
                return flags & 1 == 0 ? .ping(offset - 8) : .skip
            }
            if type == Self.priority, length == 5, stream > 0 {
                guard available >= 14 else { return .needMore }
                if Self.number(bytes, offset + 9) != stream {
                    offset += 14
                    return .skip
                }
            }
        }
        hasBegun = true
        if type == Self.headers || type == Self.pushPromise || type == Self.continuation {
            isInBlock = flags & 4 == 0
        }
        passing = 9 + length
        return pass(min(passing, available), from: &offset)
    }

    /// The number of a stream, at `offset`.
    private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
        bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
    }

    private mutating func pass(_ count: Int, from offset: inout Int) -> Piece {
        passing -= count
        let start = offset
        offset += count
        return .pass(start..<offset)
    }

    private mutating func count(_ type: UInt8, now: Instant) -> Piece? {
        switch type {
        case Self.ping: return pings.take(at: now) ? nil : .flood("PING")
        case Self.priority: return pings.take(at: now) ? nil : .flood("PRIORITY")
        case Self.settings: return settings.take(at: now) ? nil : .flood("SETTINGS")
        case Self.windowUpdate: return updates.take(at: now) ? nil : .flood("WINDOW_UPDATE")
        default: return nil
        }
    }

    private static let headers: UInt8 = 1
    private static let priority: UInt8 = 2
    private static let settings: UInt8 = 4
    private static let pushPromise: UInt8 = 5
    private static let ping: UInt8 = 6
    private static let windowUpdate: UInt8 = 8
    private static let continuation: UInt8 = 9
}
