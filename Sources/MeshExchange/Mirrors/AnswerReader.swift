// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshWire

/// Reads one answer off a connection that carries nothing else: that of a mirror, or that to a
/// question of the mesh's own.
///
/// Of the payload it keeps a bounded beginning; what comes behind that is read and dropped, so
/// that it is known when the answer was whole.
package struct AnswerReader: Sendable {
    /// How far it has come.
    package enum Progress: Sendable {
        /// More must come.
        case more
        /// The answer is whole.
        case whole
        /// What came is no answer.
        case malformed
    }

    /// The status; 0 before there is one.
    package private(set) var status: UInt16 = 0
    /// The payload, as far as it is kept.
    package private(set) var body: [UInt8] = []
    /// Whether more came than is kept.
    package private(set) var isOver = false
    /// When the answer began: its first event for a stream, else its head.
    package private(set) var began: Instant?

    private let method: HTTPMethod
    private let bytesMax: Int
    private var head = ResponseHead()
    private var reader: BodyReader?
    private var isStream = false
    private var informational = 0

    private static let limits = HeadLimits(headBytesMax: 65_535, fieldCountMax: 256)

    /// A reader of the answer to a request with `method` that keeps `bytesMax` bytes.
    package init(method: HTTPMethod, bytesMax: Int) {
        self.method = method
        self.bytesMax = bytesMax
    }

    /// Looks at what was read and not used before; the first `used` bytes of it are done with.
    package mutating func read(
        _ bytes: RawSpan, used: inout Int, at now: Instant
    ) -> Progress {
        used = 0
        do throws(Violation) {
            guard try readHead(bytes, used: &used, at: now) else {
                return bytes.byteCount - used > Self.limits.headBytesMax ? .malformed : .more
            }
            return try readBody(bytes, used: &used, at: now)
        } catch {
            return .malformed
        }
    }

    /// The peer closed the connection; whether that is how the answer ends.
    package mutating func peerClosed() -> Bool {
        guard var reader else { return false }
        return reader.peerClosed()
    }

    /// Whether the head of the answer is read.
    private mutating func readHead(
        _ bytes: RawSpan, used: inout Int, at now: Instant
    ) throws(Violation) -> Bool {
        while reader == nil {
            let rest = bytes.extracting(used..<bytes.byteCount)
            guard try head.parse(rest, requestMethod: method, limits: Self.limits) else {
                return false
            }
            used += head.length
            if head.isInformational, informational < Self.informationalMax {
                informational += 1
                head.reset()
                continue
            }
            guard head.status >= 200 else { throw Violation(.badStatusLine, at: 0) }
            status = UInt16(head.status)
            if let type = head.first(.contentType) {
                let value = rest.extracting(type.valueRange.range)
                let name: StaticString = "text/event-stream"
                isStream = value.extracting(first: name.utf8CodeUnitCount).equalsIgnoringCase(name)
            }
            if !isStream { began = now }
            reader = BodyReader(head.framing, limits: Self.limits, ofResponse: true)
        }
        return true
    }

    private mutating func readBody(
        _ bytes: RawSpan, used: inout Int, at now: Instant
    ) throws(Violation) -> Progress {
        guard var reader else { return .more }
        let rest = bytes.extracting(used..<bytes.byteCount)
        var offset = 0
        defer {
            self.reader = reader
            used += offset
        }
        while true {
            switch try reader.next(rest, at: &offset) {
            case .payload(let range):
                if began == nil, !range.isEmpty { began = now }
                keep(rest.extracting(range.range))
            case .end: return .whole
            case .needMore: return .more
            }
        }
    }

    private mutating func keep(_ payload: RawSpan) {
        let room = max(0, bytesMax - body.count)
        if payload.byteCount > room { isOver = true }
        body.append(payload.extracting(first: room))
    }

    /// Informational heads before the answer; more are no protocol.
    private static var informationalMax: Int { 16 }
}
