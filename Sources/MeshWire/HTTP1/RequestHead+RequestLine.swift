// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Reading of `method SP target SP version`, each exactly so.
/// **Source**: RFC 9112 section 3.
extension RequestHead {
    /// Parses the line `start ..< end`, given without its CRLF and free of control bytes but HTAB.
    mutating func parseRequestLine(
        _ bytes: RawSpan, from start: Int, to end: Int, _ limits: HeadLimits
    ) throws(Violation) {
        let methodEnd = bytes.firstByte(HTTPByte.space, from: start, to: end)
        methodRange = ByteRange(start, methodEnd)
        method = Self.recogniseMethod(bytes, start, methodEnd &- start)
        if method == .other, !bytes.isToken(from: start, to: methodEnd) {
            throw Violation(.badRequestLine, at: start)
        }
        // The shortest rest is a space, one byte of target, a space and eight of version.
        guard end &- methodEnd >= 11 else {
            throw Self.versionViolation(bytes, from: methodEnd &+ 1, to: end)
        }
        let targetEnd = end &- 9
        switch bytes.headWord(end &- 8) {
        case 0x312e_312f_5054_5448: minorVersion = 1  // "HTTP/1.1" in memory order.
        case 0x302e_312f_5054_5448: minorVersion = 0  // "HTTP/1.0" in memory order.
        default: throw Self.versionViolation(bytes, from: methodEnd &+ 1, to: end)
        }
        guard bytes.headByte(targetEnd) == HTTPByte.space else {
            throw Violation(.badVersion, at: targetEnd)
        }
        targetRange = ByteRange(methodEnd &+ 1, targetEnd)
        guard targetRange.count <= limits.targetBytesMax else {
            throw Violation(.targetTooLong, at: targetRange.start)
        }
        if let bad = Self.firstNonTarget(bytes, targetRange) {
            let isSpace = bytes.headByte(bad) == HTTPByte.space
            throw Violation(isSpace ? .badRequestLine : .badTarget, at: bad)
        }
        try parseTarget(bytes)
    }

    /// The method of `length` bytes at `start`; at least eleven more bytes follow a short one, or
    /// the line is refused anyway.
    @inline(__always)
    private static func recogniseMethod(
        _ bytes: RawSpan, _ start: Int, _ length: Int
    ) -> HTTPMethod {
        guard length >= 3, length <= 7, start &+ 8 <= bytes.byteCount else { return .other }
        let mask = (1 as UInt64) &<< UInt64(truncatingIfNeeded: length &* 8) &- 1
        switch bytes.headWord(start) & mask {
        case 0x54_4547: return .get
        case 0x5453_4f50: return .post
        case 0x54_5550: return .put
        case 0x4441_4548: return .head
        case 0x4554_454c_4544: return .delete
        case 0x48_4354_4150: return .patch
        case 0x53_4e4f_4954_504f: return .options
        case 0x54_4345_4e4e_4f43: return .connect
        case 0x45_4341_5254: return .trace
        default: return .other
        }
    }

    /// Why target and version, from `from` on, are not both there, or why the last word is no
    /// version we speak: 505 for another HTTP version.
    private static func versionViolation(
        _ bytes: RawSpan, from: Int, to end: Int
    ) -> Violation {
        var start = end
        while start > from, bytes.headByte(start &- 1) != HTTPByte.space { start &-= 1 }
        guard start > from &+ 1 else { return Violation(.badRequestLine, at: from) }
        let isHTTP =
            end &- start == 8 && bytes.extracting(start..<end).hasPrefix("HTTP/")
            && ASCII.isDigit(bytes.headByte(start &+ 5))
            && bytes.headByte(start &+ 6) == UInt8(ascii: ".")
            && ASCII.isDigit(bytes.headByte(start &+ 7))
        return Violation(.badVersion, at: start, status: isHTTP ? 505 : 400)
    }

    /// Offset of the first byte of `range` that no target may hold: white space, `#`, or a byte
    /// from 0x80 on; or nil. The line has no other control bytes.
    @inline(__always)
    private static func firstNonTarget(_ bytes: RawSpan, _ range: ByteRange) -> Int? {
        var i = range.start
        let end = range.end
        // Eight bytes of version follow the target and one space, so words stay in bounds.
        while i < end {
            let x = bytes.headWord(i)
            let hash = x ^ 0x2323_2323_2323_2323
            let low = (x &- 0x2121_2121_2121_2121) & ~x
            let equal = (hash &- 0x0101_0101_0101_0101) & ~hash
            let hit = (low | equal | x) & 0x8080_8080_8080_8080
            if hit != 0 {
                let at = i &+ (hit.trailingZeroBitCount &>> 3)
                return at < end ? at : nil
            }
            i &+= 8
        }
        return nil
    }

    /// Sorts the target into one of its four forms.
    private mutating func parseTarget(_ bytes: RawSpan) throws(Violation) {
        let start = targetRange.start
        if method == .connect {
            // Authority-form always has a port: RFC 9112 section 3.2.3.
            guard let nameEnd = Authority.hostEnd(bytes, targetRange),
                targetRange.end &- nameEnd > 1
            else { throw Violation(.badTarget, at: start) }
            hostRange = targetRange
            hostNameRange = ByteRange(start, nameEnd)
            pathRange = ByteRange(targetRange.end, targetRange.end)
            return
        }
        switch bytes.headByte(start) {
        case UInt8(ascii: "/"): splitPath(bytes, from: start)
        case UInt8(ascii: "*"):
            guard targetRange.count == 1, method == .options else {
                throw Violation(.badTarget, at: start)
            }
            pathRange = targetRange
        default: try parseAbsoluteForm(bytes)
        }
    }

    /// Sets path and query from `from` to the end of the target.
    private mutating func splitPath(_ bytes: RawSpan, from: Int) {
        let end = targetRange.end
        let mark = bytes.firstByte(UInt8(ascii: "?"), from: from, to: end)
        pathRange = ByteRange(from, mark)
        hasQuery = mark < end
        queryRange = hasQuery ? ByteRange(mark &+ 1, end) : ByteRange(end, end)
    }

    private mutating func parseAbsoluteForm(_ bytes: RawSpan) throws(Violation) {
        let target = bytes.extracting(targetRange.range)
        let schemes: [2 of StaticString] = ["http://", "https://"]
        var scheme = 0
        for i in schemes.indices {
            let count = schemes[i].utf8CodeUnitCount
            guard target.byteCount > count else { continue }
            if target.extracting(0..<count).equalsIgnoringCase(schemes[i]) { scheme = count }
        }
        guard scheme > 0 else { throw Violation(.badTarget, at: targetRange.start) }
        let start = targetRange.start &+ scheme
        var end = start
        while end < targetRange.end, bytes.headByte(end) != UInt8(ascii: "/"),
            bytes.headByte(end) != UInt8(ascii: "?")
        {
            end &+= 1
        }
        let authority = ByteRange(start, end)
        guard let nameEnd = Authority.hostEnd(bytes, authority) else {
            throw Violation(.badTarget, at: start)
        }
        hostRange = authority
        hostNameRange = ByteRange(start, nameEnd)
        isAbsoluteForm = true
        splitPath(bytes, from: end)
    }
}
