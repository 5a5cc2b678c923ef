// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import NIOHPACK

/// Heads of HTTP/1.1 as fields of HTTP/2, and the other way round.
enum HTTP2Heads {
    /// Shows each of `fields` to `take`, in order.
    static func read(
        _ fields: HPACKHeaders, _ take: (RawSpan, RawSpan) throws(Violation) -> Void
    ) throws(Violation) {
        for (name, value, _) in fields {
            var name = name
            var value = value
            var failure: Violation?
            name.withUTF8 { name in
                value.withUTF8 { value in
                    do throws(Violation) {
                        try take(
                            UnsafeRawBufferPointer(name).bytes,
                            UnsafeRawBufferPointer(value).bytes)
                    } catch {
                        failure = error
                    }
                }
            }
            if let failure { throw failure }
        }
    }

    /// The fields of a request; `scheme` is how the endpoint is reached.
    static func request(
        _ head: borrowing RequestHead, _ bytes: RawSpan, scheme: String
    ) throws(Violation) -> HPACKHeaders {
        var fields = HPACKHeaders()
        fields.reserveCapacity(head.fields.count + 5)
        fields.add(name: ":method", value: try text(bytes, head.methodRange))
        fields.add(name: ":scheme", value: scheme)
        fields.add(name: ":authority", value: try text(bytes, head.hostRange))
        fields.add(name: ":path", value: try text(bytes, head.targetRange))
        let isCall = isGRPC(head.first(.contentType), bytes)
        try append(head.fields, bytes, leavingLength: isCall, to: &fields)
        // Trailers are passed on, or understood where they are not.
        fields.add(name: "te", value: "trailers")
        return fields
    }

    /// The fields of an answer.
    static func answer(
        _ head: borrowing ResponseHead, _ bytes: RawSpan
    ) throws(Violation) -> HPACKHeaders {
        var fields = HPACKHeaders()
        fields.reserveCapacity(head.fields.count + 1)
        fields.add(name: ":status", value: String(head.status))
        let isCall = isGRPC(head.first(.contentType), bytes)
        try append(head.fields, bytes, leavingLength: isCall, to: &fields)
        return fields
    }

    /// Fields of complete lines, which were looked at when they came.
    static func trailers(_ lines: [UInt8]) -> HPACKHeaders {
        var fields = HPACKHeaders()
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
            let value = line[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
                .prefix { $0 != UInt8(ascii: "\r") }
            let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            fields.add(name: name, value: String(decoding: value, as: UTF8.self))
        }
        return fields
    }

    /// Calls of gRPC have no Content-Length.
    private static func isGRPC(_ type: FieldSlot?, _ bytes: RawSpan) -> Bool {
        guard let type else { return false }
        return bytes.extracting(type.valueRange.range).hasPrefix("application/grpc")
    }

    private static func append(
        _ slots: [FieldSlot], _ bytes: RawSpan, leavingLength: Bool,
        to fields: inout HPACKHeaders
    ) throws(Violation) {
        for slot in slots where !ofHop.contains(slot.name) {
            if leavingLength, slot.name == .contentLength { continue }
            let name =
                slot.name == .other
                ? try text(bytes, slot.nameRange).lowercased() : names[Int(slot.name.rawValue)]
            fields.add(
                name: name, value: try text(bytes, slot.valueRange),
                indexing: secret.contains(slot.name) ? .neverIndexed : .indexable)
        }
    }

    /// **Errors**: `badFieldValue` for bytes that are no UTF-8, which the codec cannot carry.
    private static func text(_ bytes: RawSpan, _ range: ByteRange) throws(Violation) -> String {
        let part = bytes.extracting(range.range)
        let text = part.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
        guard let text else { throw Violation(.badFieldValue, at: range.start) }
        return text
    }

    private static let names = FieldName.allCases.map { "\($0.text)" }

    /// What HTTP/2 says in other ways, or not at all.
    private static let ofHop = FieldSet(names: [
        .host, .connection, .keepAlive, .proxyConnection, .transferEncoding, .te, .upgrade,
        .http2Settings,
    ])

    /// What no table may remember: RFC 7541 section 7.1.3.
    private static let secret = FieldSet(names: [
        .authorization, .cookie, .setCookie, .xAPIKey, .apiKey, .proxyAuthorization,
    ])
}
