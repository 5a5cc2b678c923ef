// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// What holds for every field of HTTP/2, whoever sends it.
///
/// A codec of HTTP/2 hands over names and values as they were compressed; HPACK carries any byte.
/// What HTTP/1.1 would read in another way is malformed, and refused before anything is made of
/// it.
/// **Source**: RFC 9113 sections 8.2 and 8.3.
struct FieldGate: Sendable {
    /// Fields so far, pseudo-fields left out; each part of a split cookie counts.
    private(set) var count = 0
    /// Bytes of names and values so far, and 32 for each as RFC 9113 section 6.5.2 counts them.
    private(set) var size = 0
    /// Whether a field that is no pseudo-field came.
    private(set) var isPastPseudo = false

    /// Checks one field and counts it; true for a pseudo-field.
    ///
    /// **Errors**: `headTooLarge`, `tooManyFields`, `badFieldName`, `badFieldValue`,
    /// `badPseudoField`, `connectionField`.
    mutating func admit(
        _ name: RawSpan, _ value: RawSpan, limits: HeadLimits
    ) throws(Violation) -> Bool {
        size += name.byteCount + value.byteCount + 32
        guard size <= limits.headBytesMax + 32 * limits.fieldCountMax else {
            throw Violation(.headTooLarge, at: size)
        }
        try Self.checkValue(value)
        guard name.byteCount > 0 else { throw Violation(.badFieldName, at: 0) }
        if name.headByte(0) == UInt8(ascii: ":") {
            if isPastPseudo { throw Violation(.badPseudoField, at: 0) }
            return true
        }
        isPastPseudo = true
        count += 1
        guard count <= limits.fieldCountMax else { throw Violation(.tooManyFields, at: count) }
        try Self.checkName(name)
        return false
    }

    /// A token without capitals.
    private static func checkName(_ name: RawSpan) throws(Violation) {
        guard name.isToken(from: 0, to: name.byteCount) else {
            throw Violation(.badFieldName, at: 0)
        }
        for i in 0..<name.byteCount {
            let byte = name.headByte(i)
            if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") {
                throw Violation(.badFieldName, at: i)
            }
        }
    }

    /// No control byte but HTAB within, no white space at either end, and nothing that a codec put
    /// in the place of bytes it could not represent.
    private static func checkValue(_ value: RawSpan) throws(Violation) {
        let count = value.byteCount
        let control = value.firstControl(from: 0, to: count)
        guard control == count else { throw Violation(.badFieldValue, at: control) }
        guard count > 0 else { return }
        if HTTPByte.isBlank(value.headByte(0)) || HTTPByte.isBlank(value.headByte(count - 1)) {
            throw Violation(.badFieldValue, at: 0)
        }
        if let at = replacement(in: value) { throw Violation(.badFieldValue, at: at) }
    }

    /// Offset of U+FFFD, which stands where bytes were no UTF-8.
    private static func replacement(in value: RawSpan) -> Int? {
        var at = 0
        let end = value.byteCount - 2
        while at < end {
            at = value.firstByte(0xEF, from: at, to: end)
            guard at < end else { return nil }
            if value.headByte(at + 1) == 0xBF, value.headByte(at + 2) == 0xBD { return at }
            at += 1
        }
        return nil
    }

    /// Refuses what only has a meaning between two peers of HTTP/1.1.
    /// **Source**: RFC 9113 section 8.2.2.
    static func checkHop(_ name: FieldName) throws(Violation) {
        switch name {
        case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade,
            .http2Settings:
            throw Violation(.connectionField, at: 0)
        default: break
        }
    }
}

/// Fields that come behind the body.
///
/// **Source**: RFC 9110 section 6.5.1: what decides where a message goes, how long it is, who sent
/// it and how it is read means nothing there, and is left out.
package struct TrailerFields: Sendable {
    /// Complete lines of HTTP/1.1 without the empty one.
    package private(set) var lines: [UInt8] = []
    private var gate = FieldGate()

    /// Nothing yet.
    package init() {}

    /// Takes one field of a trailer section of HTTP/2.
    ///
    /// **Errors**: those of a malformed field; every pseudo-field is one.
    package mutating func add(
        _ name: RawSpan, _ value: RawSpan, limits: HeadLimits
    ) throws(Violation) {
        if try gate.admit(name, value, limits: limits) {
            throw Violation(.badPseudoField, at: 0)
        }
        let known = FieldName.recognised(name, ByteRange(0, name.byteCount))
        try FieldGate.checkHop(known)
        if Self.meaningless.contains(known) { return }
        guard lines.count + name.byteCount + value.byteCount + 4 <= limits.trailerBytesMax else {
            throw Violation(.headTooLarge, at: lines.count)
        }
        lines.append(name)
        lines.append(": ")
        lines.append(value)
        HeadWriter.appendEnd(to: &lines)
    }

    private static let meaningless = FieldSet.hopByHop.union(.protected).union(
        FieldSet(names: [
            .setCookie, .wwwAuthenticate, .xRequestID, .location, .retryAfter, .traceparent,
            .tracestate, .vary, .date, .accept, .acceptEncoding, .acceptLanguage,
        ]))
}
