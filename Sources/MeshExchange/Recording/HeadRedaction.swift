// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// Blots out what must not be kept of a head: the values of fields and query parameters that
/// carry credentials. Each byte becomes an asterisk, so that lengths stay.
enum HeadRedaction {
    /// The head as text, and the names of what was blotted out.
    static func redacted(
        _ head: borrowing RequestHead, _ bytes: RawSpan
    ) -> (text: String, hidden: [String]) {
        var copy = bytes.extracting(0..<min(head.length, bytes.byteCount)).array
        var hidden: [String] = []
        for field in head.fields {
            let name = bytes.extracting(field.nameRange.range).text.lowercased()
            if isSecret(name) {
                hidden.append(name)
                blot(field.valueRange, in: &copy)
            } else if urls.contains(name) {
                blotQuery(of: field.valueRange, in: &copy)
            }
        }
        if head.hasQuery { blotParameters(head.queryRange, in: &copy, &hidden) }
        return (Latin1.text(unsafe copy.span.bytes), hidden)
    }

    /// The head of an answer as text.
    static func redacted(_ head: borrowing ResponseHead, _ bytes: RawSpan) -> String {
        var copy = bytes.extracting(0..<min(head.length, bytes.byteCount)).array
        for field in head.fields {
            let name = bytes.extracting(field.nameRange.range).text.lowercased()
            if isSecret(name) {
                blot(field.valueRange, in: &copy)
            } else if urls.contains(name) {
                blotQuery(of: field.valueRange, in: &copy)
            }
        }
        return Latin1.text(unsafe copy.span.bytes)
    }

    /// Whether the value of a field of that name, in lower case, may be blotted out, as a whole or
    /// in part.
    static func mayBlot(_ name: String) -> Bool { isSecret(name) || urls.contains(name) }

    /// Whether a field or parameter of that name, in lower case, may carry a credential.
    static func isSecret(_ name: String) -> Bool { SecretName.isSecret(name) }

    /// Fields whose values are addresses: what stands behind a question mark may be a credential.
    private static let urls = ["referer", "location", "content-location", "link"]

    private static func blotQuery(of range: ByteRange, in bytes: inout [UInt8]) {
        guard let mark = bytes[range.range].firstIndex(of: UInt8(ascii: "?")) else { return }
        blot(ByteRange(mark + 1, range.end), in: &bytes)
    }

    private static func blot(_ range: ByteRange, in bytes: inout [UInt8]) {
        for i in range.range where i < bytes.count { bytes[i] = UInt8(ascii: "*") }
    }

    private static func blotParameters(
        _ query: ByteRange, in bytes: inout [UInt8], _ hidden: inout [String]
    ) {
        var start = query.start
        while start < query.end {
            var end = start
            while end < query.end, bytes[end] != UInt8(ascii: "&") { end += 1 }
            if let equals = bytes[start..<end].firstIndex(of: UInt8(ascii: "=")) {
                let name = PercentEscapes.decoded(Array(bytes[start..<equals]))
                let text = String(decoding: name, as: UTF8.self).lowercased()
                if isSecret(text) {
                    hidden.append("?\(text)")
                    blot(ByteRange(equals + 1, end), in: &bytes)
                }
            }
            start = end + 1
        }
    }
}
