// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The head of one HTTP/1.1 request, parsed once into offsets.
///
/// A head is a reusable cursor: it holds no bytes, only where things lie in the bytes it was
/// given, and its array keeps its storage from request to request, so that parsing allocates
/// nothing. It accepts what RFC 9110 and RFC 9112 allow a sender to send and nothing more:
/// what is doubtful is a `Violation`, never repaired.
///
/// **Invariant**: offsets stay below 65,536 and count from the first byte given to `parse`. While
/// `parse` answers false, the head remembers how far it got, so it belongs to that connection
/// until it answers true or throws; call `reset` before showing it another connection's bytes.
///
/// ```swift
/// while try head.parse(buffer, limits: limits) == false { /* read more into buffer */ }
/// let host = buffer.extracting(head.hostRange.range)
/// ```
/// **Source**: RFC 9112 sections 2 to 6, RFC 9110 section 7.
package struct RequestHead: Sendable {
    /// The method; `.other` when only `methodRange` tells it.
    package internal(set) var method: HTTPMethod = .other
    /// The bytes of the method.
    package internal(set) var methodRange: ByteRange = .empty
    /// The bytes of the request target as they were sent.
    package internal(set) var targetRange: ByteRange = .empty
    /// The raw path up to `?`. Empty for authority-form, and for an absolute-form without a
    /// path, which means `/` (or `*` for OPTIONS); `*` for asterisk-form.
    package internal(set) var pathRange: ByteRange = .empty
    /// The bytes behind the first `?`; empty when there is none.
    package internal(set) var queryRange: ByteRange = .empty
    /// Whether there is a `?`.
    package internal(set) var hasQuery = false
    /// 0 or 1.
    package internal(set) var minorVersion = 1
    /// Count of bytes of the head, with the empty line that ends it.
    package private(set) var length = 0
    /// How the end of the body is known; never `.untilClose`.
    package private(set) var framing: BodyFraming = .none
    /// Whether the client allows another request on this connection.
    package private(set) var keepAlive = false
    /// Whether the client waits for `100 Continue` before it sends the body.
    package private(set) var expectsContinue = false
    /// The validated authority that routing and policy may use: that of the target when it has
    /// one, else the Host field. Empty when neither names a host.
    package internal(set) var hostRange: ByteRange = .empty
    /// `hostRange` without its port; an IPv6 literal keeps its brackets.
    package internal(set) var hostNameRange: ByteRange = .empty
    /// Whether there is an Upgrade field that Connection names.
    package private(set) var upgrade = false
    /// Whether the target carries a scheme and an authority.
    package internal(set) var isAbsoluteForm = false

    private var lines = FieldLines(guardsIdentity: true)
    private var stage: Stage = .requestLine

    /// How far a head was read.
    private enum Stage: Sendable { case requestLine, fields, finished }

    /// A head that has read nothing.
    package init() {}

    /// The field lines, in order.
    package var fields: [FieldSlot] { lines.fields }

    /// The known names among the fields.
    package var present: FieldSet { lines.present }

    /// Forgets the head but keeps the storage.
    package mutating func reset() {
        lines.reset()
        stage = .requestLine
        hostRange = .empty
        hostNameRange = .empty
        queryRange = .empty
        hasQuery = false
        isAbsoluteForm = false
        length = 0
    }

    /// Reads the head at the start of `bytes`; false when more bytes are needed.
    ///
    /// **Shape**: `bytes` starts at the same byte in each call for one head and only grows.
    /// Nothing is consumed: the caller drops `length` bytes when it is done with them. A call
    /// after true or a violation starts a new head. The result is the same however the bytes
    /// were cut.
    /// **Errors**: any code but those about chunks and status lines.
    /// **Complexity**: O(new bytes), over all calls for one head.
    package mutating func parse(
        _ bytes: RawSpan, limits: HeadLimits
    ) throws(Violation) -> Bool {
        if stage == .finished { reset() }
        do throws(Violation) {
            if stage == .requestLine {
                guard try readRequestLine(bytes, limits) else { return false }
                stage = .fields
            }
            guard try lines.read(bytes, limits: limits) else { return false }
            length = lines.lineStart
            stage = .finished
            try settle(bytes)
        } catch {
            stage = .finished
            throw error
        }
        return true
    }

    /// The first field called `name`, or nil.
    package func first(_ name: FieldName) -> FieldSlot? { lines.first(name) }

    /// Whether a Connection field names the field at `slot`, which then ends at this hop.
    package func isNominatedByConnection(_ slot: FieldSlot, _ bytes: RawSpan) -> Bool {
        lines.isNominated(slot, bytes)
    }

    private mutating func readRequestLine(
        _ bytes: RawSpan, _ limits: HeadLimits
    ) throws(Violation) -> Bool {
        // RFC 9112 section 2.2 lets a server skip an empty line before the request line.
        if lines.lineStart == 0 {
            if bytes.byteCount >= 2, bytes.headByte(0) == HTTPByte.carriageReturn,
                bytes.headByte(1) == HTTPByte.lineFeed
            {
                lines.advance(to: 2)
            }
        }
        let overhead = 64
        let window = min(limits.headBytesMax, limits.targetBytesMax + overhead)
        guard
            let end = try lines.lineEnd(
                in: bytes, window: window, whenControl: .badRequestLine,
                whenOver: window < limits.headBytesMax ? .targetTooLong : .headTooLarge)
        else { return false }
        try parseRequestLine(bytes, from: lines.lineStart, to: end, limits)
        lines.advance(to: end &+ 2)
        return true
    }

    /// Draws the conclusions from all fields together.
    private mutating func settle(_ bytes: RawSpan) throws(Violation) {
        try settleHost(bytes)
        framing = .none
        if lines.framing.isChunked {
            // RFC 9112 section 6.1: the framing of such a message is faulty.
            if minorVersion == 0 {
                throw Violation(.badTransferEncoding, at: lines.framing.transferEncodingStart)
            }
            framing = .chunked
        } else if let length = lines.framing.contentLength {
            framing = .length(length)
        }
        keepAlive = lines.framing.persists(minorVersion: minorVersion)
        upgrade = minorVersion == 1 && lines.framing.upgrades && lines.present.contains(.upgrade)
        expectsContinue = false
        if minorVersion == 1, framing != .none, let expect = lines.first(.expect) {
            expectsContinue = bytes.matches(expect.valueRange, "100-continue")
        }
    }

    private mutating func settleHost(_ bytes: RawSpan) throws(Violation) {
        guard let host = lines.first(.host) else {
            if minorVersion == 1 { throw Violation(.missingHost, at: 0) }
            return
        }
        let range = host.valueRange
        var nameEnd = range.end
        if !range.isEmpty {
            guard let end = Authority.hostEnd(bytes, range) else {
                throw Violation(.badHost, at: range.start)
            }
            nameEnd = end
        }
        // RFC 9112 section 3.2.2: the authority of the target replaces the Host field.
        guard hostRange.isEmpty else { return }
        hostRange = range
        hostNameRange = ByteRange(range.start, nameEnd)
    }
}
