// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The part that request and response heads share: lines, read one after the other and resumed
/// where the bytes ran out.
///
/// A line is judged only when it is complete, and lines are judged in order, so the verdict on a
/// head does not depend on how its bytes were cut into reads.
/// **Source**: RFC 9112 section 5.
struct FieldLines: Sendable {
    /// One slot a field line, in order.
    var fields: [FieldSlot] = []
    /// The known names among `fields`.
    var present: FieldSet = []
    /// What the fields that decide framing said so far.
    var framing = FramingFields()
    /// Where the first line that was not read yet starts.
    var lineStart = 0
    /// No control byte was found between `lineStart` and here.
    private var searched = 0
    /// Where the colon of that line is, once it was seen before any control byte, else -1.
    private var colon = -1

    /// Whether underscore names that imitate identity fields are refused as well (requests).
    private let guardsIdentity: Bool

    /// Lines of a request when `guardsIdentity`, else of a response.
    init(guardsIdentity: Bool) { self.guardsIdentity = guardsIdentity }

    /// Forgets the head but keeps the storage.
    mutating func reset() {
        fields.removeAll(keepingCapacity: true)
        present = []
        framing = FramingFields()
        advance(to: 0)
    }

    /// Says that the next line starts at `offset`.
    mutating func advance(to offset: Int) {
        lineStart = offset
        searched = offset
        colon = -1
    }

    /// Offset of the CR that ends the line at `lineStart`, or nil when more bytes are needed.
    ///
    /// **Shape**: `window` is where the head, or its first line, must have ended.
    /// **Errors**: `bareCR`, `bareLF`, `whenControl` for another control byte, `whenOver` when
    /// the window is full.
    @inline(__always)
    mutating func lineEnd(
        in bytes: RawSpan, window: Int, whenControl: Violation.Code, whenOver: Violation.Code
    ) throws(Violation) -> Int? {
        let limit = min(bytes.byteCount, window)
        let end = bytes.firstControl(from: min(searched, limit), to: limit)
        if end &+ 1 < limit {
            if bytes.headByte(end) == HTTPByte.carriageReturn {
                if bytes.headByte(end &+ 1) == HTTPByte.lineFeed { return end }
                throw Violation(.bareCR, at: end)
            }
        }
        return try noLineEnd(
            in: bytes, end, window: window, whenControl: whenControl, whenOver: whenOver)
    }

    /// The less common ends of `lineEnd`: a forbidden byte, a full window, or too few bytes.
    @inline(never)
    private mutating func noLineEnd(
        in bytes: RawSpan, _ end: Int, window: Int, whenControl: Violation.Code,
        whenOver: Violation.Code
    ) throws(Violation) -> Int? {
        let limit = min(bytes.byteCount, window)
        if end < limit {
            switch bytes.headByte(end) {
            case HTTPByte.carriageReturn: break
            case HTTPByte.lineFeed: throw Violation(.bareLF, at: end)
            default:
                let colon = bytes.firstByte(UInt8(ascii: ":"), from: lineStart, to: end)
                let inName = whenControl == .badFieldValue && colon == end
                throw Violation(inName ? .badFieldName : whenControl, at: end)
            }
        }
        if limit == window { throw Violation(whenOver, at: window) }
        searched = end
        return nil
    }

    /// Reads field lines up to and with the empty line; false when more bytes are needed.
    ///
    /// **Shape**: afterwards `lineStart` is the length of the head.
    /// **Errors**: every code about fields, `headTooLarge`, `tooManyFields`.
    mutating func read(
        _ bytes: RawSpan, limits: HeadLimits
    ) throws(Violation) -> Bool {
        let window = limits.headBytesMax
        let limit = min(bytes.byteCount, window)
        while true {
            let start = lineStart
            if start < limit, HTTPByte.isBlank(bytes.headByte(start)) {
                throw Violation(fields.isEmpty ? .badFieldName : .obsoleteFold, at: start)
            }
            if colon < 0 { findColon(bytes, to: limit) }
            guard
                let end = try lineEnd(
                    in: bytes, window: window, whenControl: .badFieldValue,
                    whenOver: .headTooLarge)
            else { return false }
            if end == start {
                advance(to: end &+ 2)
                return true
            }
            guard fields.count < limits.fieldCountMax else {
                throw Violation(.tooManyFields, at: start)
            }
            try readField(bytes, from: start, to: end)
            advance(to: end &+ 2)
        }
    }

    /// Finds the colon of the line, when it comes before any control byte.
    @inline(__always)
    private mutating func findColon(_ bytes: RawSpan, to limit: Int) {
        let at = bytes.firstControlOrColon(from: min(searched, limit), to: limit)
        searched = at
        guard at < limit, bytes.headByte(at) == UInt8(ascii: ":") else { return }
        colon = at
        searched = at &+ 1
    }

    /// Reads one field line, which is `start ..< end` without its CRLF and holds no control byte.
    @inline(__always)
    private mutating func readField(
        _ bytes: RawSpan, from start: Int, to end: Int
    ) throws(Violation) {
        // Without a colon there is no name, or it holds a tab.
        guard colon > start else { throw nameViolation(bytes, from: start, to: end) }
        let name = FieldName.recognised(bytes, start, colon &- start)
        if name == .other { try checkUnknownName(bytes, from: start, to: colon) }
        var valueStart = colon &+ 1
        var valueEnd = end
        while valueStart < valueEnd, HTTPByte.isBlank(bytes.headByte(valueStart)) {
            valueStart &+= 1
        }
        while valueEnd > valueStart, HTTPByte.isBlank(bytes.headByte(valueEnd &- 1)) {
            valueEnd &-= 1
        }
        let slot = FieldSlot(
            name: name, nameStart: start, nameEnd: colon, valueStart: valueStart,
            valueEnd: valueEnd)
        if name.decidesFraming {
            try framing.note(slot, bytes, repeated: present.contains(name))
        }
        present.rawValue |= FieldSet(name).rawValue
        fields.append(slot)
    }

    /// What is wrong with a name that is empty or not a token.
    @inline(never)
    private func nameViolation(
        _ bytes: RawSpan, from start: Int, to end: Int
    ) -> Violation {
        let colon = bytes.firstByte(UInt8(ascii: ":"), from: start, to: end)
        guard colon > start, colon < end else { return Violation(.badFieldName, at: start) }
        let isBlank = HTTPByte.isBlank(bytes.headByte(colon &- 1))
        return Violation(isBlank ? .spaceBeforeColon : .badFieldName, at: start)
    }

    /// Refuses a name that is no token, or that a later reader could take for a protected one.
    @inline(__always)
    private func checkUnknownName(
        _ bytes: RawSpan, from start: Int, to end: Int
    ) throws(Violation) {
        guard bytes.isToken(from: start, to: end) else {
            throw nameViolation(bytes, from: start, to: end &+ 1)
        }
        if bytes.firstByte(UInt8(ascii: "_"), from: start, to: end) < end {
            try checkUnderscores(bytes, from: start, to: end)
        }
    }

    /// Many servers read `_` as `-` (CGI, WSGI), so a name may not become a known one that way.
    @inline(never)
    private func checkUnderscores(
        _ bytes: RawSpan, from start: Int, to end: Int
    ) throws(Violation) {
        let isPrivate =
            end &- start > 1 && bytes.headByte(start) | 0x20 == UInt8(ascii: "x")
            && (bytes.headByte(start &+ 1) == UInt8(ascii: "-")
                || bytes.headByte(start &+ 1) == UInt8(ascii: "_"))
        var alias = FieldName.other
        if end &- start <= FieldName.lengthMax {
            let dashed = bytes.extracting(start..<end).array.map {
                $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0
            }
            alias = unsafe FieldName.recognised(dashed.span.bytes, ByteRange(0, dashed.count))
        }
        let lengthens = alias == .contentLength || alias == .transferEncoding
        if lengthens || guardsIdentity && (alias != .other || isPrivate) {
            throw Violation(.underscoreAlias, at: start)
        }
    }

    /// Whether a `Connection` field names the field at `slot`.
    func isNominated(_ slot: FieldSlot, _ bytes: RawSpan) -> Bool {
        guard present.contains(.connection) else { return false }
        return Nomination.names(slot, in: fields, bytes)
    }

    /// The first field with `name`, or nil.
    func first(_ name: FieldName) -> FieldSlot? {
        guard present.contains(name) else { return nil }
        for slot in fields where slot.name == name { return slot }
        return nil
    }
}
