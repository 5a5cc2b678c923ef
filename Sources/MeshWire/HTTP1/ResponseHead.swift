// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The head of one HTTP/1.1 response, parsed once into offsets.
///
/// The same reusable cursor as `RequestHead`, with the same rules on whose bytes it may see.
/// Informational heads are reported like any other, by `status`; the caller skips or relays
/// them and bounds how many it takes. What an upstream gets wrong is always status 502.
/// **Source**: RFC 9112 sections 4 to 6.
package struct ResponseHead: Sendable {
    /// 100 to 599.
    package private(set) var status = 0
    /// The reason phrase; may be empty.
    package private(set) var reasonRange: ByteRange = .empty
    /// 0 or 1.
    package private(set) var minorVersion = 1
    /// Count of bytes of the head, with the empty line that ends it.
    package private(set) var length = 0
    /// How the end of the body is known, given the method of the request.
    package private(set) var framing: BodyFraming = .none
    /// Whether the connection may be used again once the body is read.
    package private(set) var keepAlive = false
    /// Whether there is an Upgrade field that Connection names.
    package private(set) var upgrade = false

    private var lines = FieldLines(guardsIdentity: false)
    private var stage: Stage = .statusLine

    /// How far a head was read.
    private enum Stage: Sendable { case statusLine, fields, finished }

    /// A head that has read nothing.
    package init() {}

    /// The field lines, in order.
    package var fields: [FieldSlot] { lines.fields }

    /// The known names among the fields.
    package var present: FieldSet { lines.present }

    /// Whether this head is informational (1xx), so that another head follows; 101 is final.
    package var isInformational: Bool { status < 200 && status != 101 }

    /// The Content-Length as sent, which for HEAD and 304 is not the length of a body.
    package var contentLength: UInt64? { lines.framing.contentLength }

    /// Forgets the head but keeps the storage.
    package mutating func reset() {
        lines.reset()
        stage = .statusLine
        length = 0
    }

    /// Reads the head at the start of `bytes`; false when more bytes are needed.
    ///
    /// **Shape**: as `RequestHead.parse`; `requestMethod` is that of the request being answered.
    /// **Errors**: any code about heads, each with status 502.
    /// **Complexity**: O(new bytes), over all calls for one head.
    package mutating func parse(
        _ bytes: RawSpan, requestMethod: HTTPMethod, limits: HeadLimits
    ) throws(Violation) -> Bool {
        if stage == .finished { reset() }
        do throws(Violation) {
            if stage == .statusLine {
                guard try readStatusLine(bytes, limits) else { return false }
                stage = .fields
            }
            guard try lines.read(bytes, limits: limits) else { return false }
            length = lines.lineStart
            stage = .finished
            try settle(requestMethod)
        } catch {
            stage = .finished
            throw error.ofResponse
        }
        return true
    }

    /// The first field called `name`, or nil.
    package func first(_ name: FieldName) -> FieldSlot? { lines.first(name) }

    /// Whether a Connection field names the field at `slot`, which then ends at this hop.
    package func isNominatedByConnection(_ slot: FieldSlot, _ bytes: RawSpan) -> Bool {
        lines.isNominated(slot, bytes)
    }

    private mutating func readStatusLine(
        _ bytes: RawSpan, _ limits: HeadLimits
    ) throws(Violation) -> Bool {
        guard
            let end = try lines.lineEnd(
                in: bytes, window: limits.headBytesMax, whenControl: .badStatusLine,
                whenOver: .headTooLarge)
        else { return false }
        let start = lines.lineStart
        guard end &- start >= 12 else { throw Violation(.badStatusLine, at: start) }
        switch bytes.headWord(start) {
        case 0x312e_312f_5054_5448: minorVersion = 1  // "HTTP/1.1" in memory order.
        case 0x302e_312f_5054_5448: minorVersion = 0  // "HTTP/1.0" in memory order.
        default: throw Violation(.badVersion, at: start)
        }
        let hundreds = bytes.headByte(start &+ 9) &- UInt8(ascii: "0")
        let tens = bytes.headByte(start &+ 10) &- UInt8(ascii: "0")
        let ones = bytes.headByte(start &+ 11) &- UInt8(ascii: "0")
        guard bytes.headByte(start &+ 8) == HTTPByte.space,
            hundreds >= 1, hundreds <= 5, tens <= 9, ones <= 9
        else { throw Violation(.badStatusLine, at: start) }
        // Many servers leave out the space before an empty reason phrase; it changes nothing.
        if end > start &+ 12, bytes.headByte(start &+ 12) != HTTPByte.space {
            throw Violation(.badStatusLine, at: start)
        }
        status = Int(hundreds) * 100 + Int(tens) * 10 + Int(ones)
        reasonRange = ByteRange(min(start &+ 13, end), end)
        lines.advance(to: end &+ 2)
        return true
    }

    /// Draws the conclusions from status, method and fields.
    /// **Source**: RFC 9112 section 6.3.
    private mutating func settle(_ requestMethod: HTTPMethod) throws(Violation) {
        let isChunked = lines.framing.isChunked
        let contentLength = lines.framing.contentLength
        if isChunked, minorVersion == 0 {
            throw Violation(.badTransferEncoding, at: lines.framing.transferEncodingStart)
        }
        keepAlive = lines.framing.persists(minorVersion: minorVersion)
        upgrade = minorVersion == 1 && lines.framing.upgrades && lines.present.contains(.upgrade)
        let neverHasBody = status < 200 || status == 204
        if neverHasBody || status == 304 || requestMethod == .head {
            framing = .none
            // An upstream that announces a body here may also send one: do not use it again.
            if neverHasBody, isChunked || contentLength ?? 0 > 0 { keepAlive = false }
        } else if requestMethod == .connect, status < 300 {
            framing = .none
            keepAlive = false
        } else if isChunked {
            framing = .chunked
        } else if let contentLength {
            framing = .length(contentLength)
        } else {
            framing = .untilClose
            keepAlive = false
        }
    }
}
