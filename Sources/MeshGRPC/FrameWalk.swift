// SPDX-License-Identifier: Apache-2.0

/// Follows one direction of an HTTP/2 connection from frame to frame, whatever pieces it comes in.
///
/// **Source** RFC 9113 sections 3.4, 4.1 and 6.7.
struct FrameWalk {
    /// What a piece of the connection holds, in order.
    enum Part: Equatable {
        /// So many bytes of the preface or of a frame that is none of our business.
        case other(Int)
        /// A whole PING that wants an answer, with what it carries.
        case ping([UInt8])
    }

    /// Bytes that every client sends before its first frame.
    static let prefaceBytes = 24
    /// Bytes of a frame's head, and of a PING.
    static let headBytes = 9
    private static let pingBytes = 17

    /// Bytes that are still to come of what is not looked at.
    private var left: Int
    /// The beginning of a frame of which it is not known yet what it is.
    private(set) var held: [UInt8] = []

    /// A walk from the beginning of a connection, in the direction of the server or not.
    init(fromClient: Bool) { left = fromClient ? Self.prefaceBytes : 0 }

    /// Whether a frame may begin here.
    var isAtBoundary: Bool { left == 0 && held.isEmpty }

    /// Takes the next bytes. Answers what they complete, in order; what `held` keeps stands in
    /// front of the first part of the next call, and is counted there.
    mutating func take(_ bytes: some Collection<UInt8>) -> [Part] {
        var parts: [Part] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            if left > 0 {
                let count = Swift.min(left, rest.count)
                left -= count
                rest = rest.dropFirst(count)
                Self.append(count, to: &parts)
                continue
            }
            let wanted = isPing ? Self.pingBytes : Self.headBytes
            let count = Swift.min(wanted - held.count, rest.count)
            held.append(contentsOf: rest.prefix(count))
            rest = rest.dropFirst(count)
            guard held.count >= Self.headBytes else { break }
            if isPing {
                guard held.count == Self.pingBytes else { continue }
                parts.append(.ping(Array(held[Self.headBytes...])))
            } else {
                left = Int(held[0]) << 16 | Int(held[1]) << 8 | Int(held[2])
                Self.append(held.count, to: &parts)
            }
            held.removeAll(keepingCapacity: true)
        }
        return parts
    }

    /// Whether what is held is the head of a PING that wants an answer.
    private var isPing: Bool {
        held.count >= Self.headBytes && held[3] == 6 && held[4] & 1 == 0
            && held[0] == 0 && held[1] == 0 && held[2] == 8
            && held[5] & 0x7F == 0 && held[6] == 0 && held[7] == 0 && held[8] == 0
    }

    private static func append(_ count: Int, to parts: inout [Part]) {
        if case .other(let before)? = parts.last {
            parts[parts.count - 1] = .other(before + count)
        } else {
            parts.append(.other(count))
        }
    }
}
