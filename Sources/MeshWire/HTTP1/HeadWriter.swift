// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Writes the heads that the proxy sends, into a scratch buffer that the caller owns and reuses.
///
/// A head is written in order: start line, `appendEndToEndFields` for what is passed on, fields
/// of our own, `appendFraming`, `appendEnd`. Untouched lines are copied in runs. Framing and
/// Connection are never copied from the peer: they describe one hop.
package enum HeadWriter {
    /// Appends the request line for the next hop: origin-form, or asterisk-form for `OPTIONS *`,
    /// and always HTTP/1.1.
    ///
    /// **Shape**: `bytes` are those `head` was parsed from. An absolute-form loses its authority,
    /// so the caller drops the Host field and writes one from `head.hostRange`. For CONNECT the
    /// authority is kept.
    package static func appendRequestLine(
        of head: RequestHead, bytes: RawSpan, to out: inout [UInt8]
    ) {
        out.append(bytes.extracting(head.methodRange.range))
        out.append(HTTPByte.space)
        if head.method == .connect {
            out.append(bytes.extracting(head.targetRange.range))
        } else if head.pathRange.isEmpty {
            // RFC 9112 sections 3.2.1 and 3.2.4.
            let isServerWide = head.method == .options && !head.hasQuery
            out.append(isServerWide ? UInt8(ascii: "*") : UInt8(ascii: "/"))
        } else {
            out.append(bytes.extracting(head.pathRange.range))
        }
        if head.hasQuery {
            out.append(UInt8(ascii: "?"))
            out.append(bytes.extracting(head.queryRange.range))
        }
        out.append(" HTTP/1.1\r\n")
    }

    /// Appends a request line with the given method and path (with query), both already valid.
    package static func appendRequestLine(
        method: RawSpan, path: RawSpan, to out: inout [UInt8]
    ) {
        out.append(method)
        out.append(HTTPByte.space)
        out.append(path)
        out.append(" HTTP/1.1\r\n")
    }

    /// Appends the status line of `head`, with its reason phrase and HTTP/1.1.
    package static func appendStatusLine(
        of head: ResponseHead, bytes: RawSpan, to out: inout [UInt8]
    ) {
        out.append("HTTP/1.1 ")
        out.appendDecimal(head.status, width: 3)
        out.append(HTTPByte.space)
        out.append(bytes.extracting(head.reasonRange.range))
        appendEnd(to: &out)
    }

    /// Appends a status line of our own.
    package static func appendStatusLine(
        _ status: Int, _ reason: StaticString, to out: inout [UInt8]
    ) {
        out.append("HTTP/1.1 ")
        out.appendDecimal(status, width: 3)
        out.append(HTTPByte.space)
        out.append(reason)
        appendEnd(to: &out)
    }

    /// Appends the lines of `fields` that go on to the next hop, as they are.
    ///
    /// **Shape**: left out are `FieldSet.hopByHop`, what Connection names (but not the names in
    /// `FieldSet.protected`), `dropping`, and the names in `also`, which are lower-case; an
    /// entry that ends in `*` stands for every name that starts with the rest. `dropping` must
    /// hold `.contentLength` when the caller writes framing of its own.
    /// **Complexity**: O(fields × (`also` + what Connection names)).
    package static func appendEndToEndFields(
        of fields: [FieldSlot], bytes: RawSpan, dropping: FieldSet, also: [[UInt8]] = [],
        to out: inout [UInt8]
    ) {
        let nominated = Nomination.known(in: fields, bytes)
        let dropped = dropping.union(.hopByHop).union(nominated.names.subtracting(.protected))
        var runStart = -1
        for slot in fields {
            var isDropped = dropped.contains(slot.name)
            if !isDropped, slot.name == .other, nominated.others {
                isDropped = Nomination.names(slot, in: fields, bytes)
            }
            if !isDropped, !also.isEmpty { isDropped = matches(slot, bytes, also) }
            if isDropped {
                if runStart >= 0 {
                    out.append(bytes.extracting(runStart..<Int(slot.nameStart)))
                    runStart = -1
                }
            } else if runStart < 0 {
                runStart = Int(slot.nameStart)
            }
        }
        guard runStart >= 0, let last = fields.last else { return }
        let lineFeed = bytes.firstByte(
            HTTPByte.lineFeed, from: last.valueRange.end, to: bytes.byteCount)
        out.append(bytes.extracting(runStart..<min(lineFeed + 1, bytes.byteCount)))
    }

    /// Appends one field; writes nothing and answers false when `value` holds a control byte,
    /// which could start a line of its own.
    @discardableResult
    package static func appendField(
        _ name: StaticString, _ value: RawSpan, to out: inout [UInt8]
    ) -> Bool {
        guard value.firstControl(from: 0, to: value.byteCount) == value.byteCount else {
            return false
        }
        out.append(name)
        out.append(": ")
        out.append(value)
        appendEnd(to: &out)
        return true
    }

    /// Appends one field whose value is a literal.
    package static func appendField(
        _ name: StaticString, _ value: StaticString, to out: inout [UInt8]
    ) {
        out.append(name)
        out.append(": ")
        out.append(value)
        appendEnd(to: &out)
    }

    /// Appends one field whose value is a number.
    package static func appendField(_ name: StaticString, _ value: Int, to out: inout [UInt8]) {
        out.append(name)
        out.append(": ")
        out.appendDecimal(value)
        appendEnd(to: &out)
    }

    /// Appends the field that announces `framing`; nothing for `.none` and `.untilClose`.
    package static func appendFraming(_ framing: BodyFraming, to out: inout [UInt8]) {
        switch framing {
        case .none, .untilClose: break
        case .length(let count):
            appendField("content-length", Int(clamping: count), to: &out)
        case .chunked: appendField("transfer-encoding", "chunked", to: &out)
        }
    }

    /// Appends the CRLF that ends a line, and on an empty line the head.
    package static func appendEnd(to out: inout [UInt8]) {
        out.append(HTTPByte.carriageReturn)
        out.append(HTTPByte.lineFeed)
    }

    /// Appends the line that opens a chunk of `size` bytes, which is at least 1. Behind the bytes
    /// the caller writes `appendEnd`.
    package static func appendChunkHead(_ size: Int, to out: inout [UInt8]) {
        out.appendHexadecimal(size)
        appendEnd(to: &out)
    }

    /// Appends the last chunk, without trailer fields.
    package static func appendLastChunk(to out: inout [UInt8]) { out.append("0\r\n\r\n") }

    private static func matches(
        _ slot: FieldSlot, _ bytes: RawSpan, _ patterns: [[UInt8]]
    ) -> Bool {
        let name = bytes.extracting(slot.nameRange.range)
        for pattern in patterns {
            let isPrefix = pattern.last == UInt8(ascii: "*")
            let count = isPrefix ? pattern.count - 1 : pattern.count
            guard isPrefix ? name.byteCount >= count : name.byteCount == count else { continue }
            let text = unsafe pattern.span.bytes.extracting(0..<count)
            if name.extracting(0..<count).equalsIgnoringCase(text) { return true }
        }
        return false
    }
}
