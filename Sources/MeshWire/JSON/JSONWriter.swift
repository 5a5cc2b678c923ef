// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension [UInt8] {
    /// Appends `text` as a JSON string with its quotes.
    ///
    /// The result is one line of valid UTF-8, whatever the bytes are: control bytes are escaped
    /// and what is not UTF-8 becomes U+FFFD. So it may stand in a `data:` line of an event stream.
    package mutating func appendJSONString(_ text: RawSpan) {
        append(UInt8(ascii: "\""))
        var i = 0
        while i < text.byteCount {
            let next = JSONGrammar.skipPlain(text, from: i)
            append(text.extracting(i..<next))
            i = next
            guard i < text.byteCount else { break }
            guard text[i] >= 0x80 else {
                appendEscape(of: text[i])
                i &+= 1
                continue
            }
            let count = UTF8Sequence.count(text, at: i)
            if count > 0 {
                append(text.extracting(i..<i &+ count))
                i &+= count
            } else {
                UTF8Sequence.append(0xFFFD, to: &self)
                i &+= UTF8Sequence.replacedCount(text, at: i)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends `text` as a JSON string with its quotes.
    package mutating func appendJSONString(_ text: String) {
        let bytes = Array(text.utf8)
        appendJSONString(unsafe bytes.span.bytes)
    }

    /// Appends the escape of a quote, a backslash or a control byte.
    private mutating func appendEscape(of byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: append(UInt8(ascii: "b"))
        case 0x09: append(UInt8(ascii: "t"))
        case 0x0A: append(UInt8(ascii: "n"))
        case 0x0C: append(UInt8(ascii: "f"))
        case 0x0D: append(UInt8(ascii: "r"))
        case 0x22, 0x5C: append(byte)
        default:
            append("u00")
            append(ASCII.hexDigit(byte >> 4))
            append(ASCII.hexDigit(byte & 15))
        }
    }
}
