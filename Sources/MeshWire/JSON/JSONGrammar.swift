// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The strict grammar of RFC 8259 as functions that walk over bytes and build nothing.
///
/// Servers behind the mesh read the same bytes with other parsers, so anything two parsers could
/// read differently is refused here: byte order marks, `NaN`, comments, lone surrogates, invalid
/// UTF-8, bytes behind the end. Each function takes the offset of a first byte and answers the
/// offset behind the last one.
///
/// Invariant: nothing here allocates or recurses. Open levels are one bit each in a word, which
/// is why `depthMax` is 64.
///
/// **Source** RFC 8259; RFC 3629 for UTF-8.
package enum JSONGrammar {
    /// The most nested objects and arrays; the outermost counts as 1.
    package static let depthMax = 64
    /// The most bytes of one number. Python refuses above 4,300 digits, others lose precision.
    package static let numberBytesMax = 1024
    /// The most bytes of one document, so that offsets fit a `ByteRange` with room to spare.
    package static let documentBytesMax = 0x7FFF_FFFF

    /// Checks that `bytes` hold exactly one JSON value, of any type.
    ///
    /// **Errors** the first fault met. **Complexity** one pass, no allocation.
    package static func validate(_ bytes: RawSpan) throws(JSONFault) {
        try checkStart(bytes)
        let end = try skipValue(bytes, from: 0, depth: 0)
        try checkEnd(bytes, from: end)
    }

    /// Refuses documents that are too large or begin with a byte order mark.
    static func checkStart(_ bytes: RawSpan) throws(JSONFault) {
        if bytes.byteCount > documentBytesMax {
            throw JSONFault(.documentTooLarge, at: documentBytesMax)
        }
        if bytes.byteCount >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF {
            throw JSONFault(.byteOrderMark, at: 0)
        }
    }

    /// Refuses anything but white space from `offset` to the end.
    static func checkEnd(_ bytes: RawSpan, from offset: Int) throws(JSONFault) {
        let end = skipSpace(bytes, from: offset)
        if end < bytes.byteCount { throw JSONFault(.trailingBytes, at: end) }
    }

    /// Offset of the first byte at or behind `offset` that is not white space.
    @inline(__always)
    static func skipSpace(_ bytes: RawSpan, from offset: Int) -> Int {
        var i = offset
        while i < bytes.byteCount {
            let byte = bytes[i]
            if byte > 0x20 { return i }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return i }
            i &+= 1
        }
        return i
    }

    /// The byte at `offset`; a document that ends there is truncated.
    @inline(__always)
    static func byte(_ bytes: RawSpan, at offset: Int) throws(JSONFault) -> UInt8 {
        guard offset < bytes.byteCount else { throw JSONFault(.truncated, at: bytes.byteCount) }
        return bytes[offset]
    }

    /// Walks over one value with all that is nested in it.
    ///
    /// **Shape** `offset` may point at white space before the value; `depth` counts the levels
    /// already open around it. Answers the offset behind the value.
    static func skipValue(
        _ bytes: RawSpan, from offset: Int, depth outer: Int
    ) throws(JSONFault) -> Int {
        var i = offset
        var depth = outer
        // The lowest bit tells the innermost open level: 1 for an object, 0 for an array.
        var kinds: UInt64 = 0
        while true {
            i = skipSpace(bytes, from: i)
            let first = try byte(bytes, at: i)
            if first == UInt8(ascii: "\"") {
                i = try skipString(bytes, from: i).end
            } else if first | 0x20 == UInt8(ascii: "{") {
                // `{` and `[` differ from each other in one bit, as do `}` and `]`.
                guard depth < depthMax else { throw JSONFault(.tooDeep, at: i) }
                let opensObject = first == UInt8(ascii: "{")
                i = skipSpace(bytes, from: i &+ 1)
                if try byte(bytes, at: i) == first &+ 2 {
                    i &+= 1
                } else {
                    depth &+= 1
                    kinds = kinds &<< 1 | (opensObject ? 1 : 0)
                    if opensObject { i = try skipName(bytes, from: i) }
                    continue
                }
            } else {
                i = try skipScalar(bytes, from: i, first: first)
            }
            closing: while depth > outer {
                i = skipSpace(bytes, from: i)
                let next = try byte(bytes, at: i)
                i &+= 1
                if next == UInt8(ascii: ",") {
                    if kinds & 1 == 1 {
                        i = try skipName(bytes, from: skipSpace(bytes, from: i))
                    }
                    break closing
                }
                let close = kinds & 1 == 1 ? UInt8(ascii: "}") : UInt8(ascii: "]")
                guard next == close else { throw JSONFault(.unexpectedByte, at: i &- 1) }
                kinds &>>= 1
                depth &-= 1
            }
            if depth == outer { return i }
        }
    }

    /// Walks over the name of a member, its colon and the white space between them.
    @inline(__always)
    private static func skipName(_ bytes: RawSpan, from offset: Int) throws(JSONFault) -> Int {
        guard try byte(bytes, at: offset) == UInt8(ascii: "\"") else {
            throw JSONFault(.unexpectedByte, at: offset)
        }
        let end = skipSpace(bytes, from: try skipString(bytes, from: offset).end)
        guard try byte(bytes, at: end) == UInt8(ascii: ":") else {
            throw JSONFault(.unexpectedByte, at: end)
        }
        return end &+ 1
    }
}
