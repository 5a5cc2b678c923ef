// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// A request that another proxy has received and asks the mesh about: may it pass?
///
/// It is judged as if it had come here: written out as a head of HTTP/1.1, read again by the same
/// parser, matched by the same routes and judged by the same rules. So nothing that an intermediary
/// must not forward gets a yes, and no spelling gets past a rule that would not get past it here.
///
/// What the other proxy says of the caller, its address above all, is taken from it: whoever can
/// reach such a listener can ask about any request, and learns no more than the answer.
package struct AskedRequest: Sendable {
    /// The method.
    package var method: [UInt8]
    /// The path with the query, as the caller wrote it.
    package var target: [UInt8]
    /// The host.
    package var host: [UInt8]
    /// Fields in order; pseudo-fields and what ends at a hop are left out when it is judged.
    package var fields: [(name: [UInt8], value: [UInt8])]
    /// Whether several fields of one name may have been joined to one with commas.
    package var isMerged: Bool
    /// The caller's address; empty when the other proxy does not say.
    package var source: [UInt8]
    /// The body, nil when it was not sent along.
    package var body: [UInt8]?
    /// Bytes of the body, nil when that is not known.
    package var size: Int?
    /// Whether the caller speaks HTTP/2 to the other proxy.
    package var speaksHTTP2 = false

    /// A request of the given parts.
    package init(
        method: [UInt8], target: [UInt8], host: [UInt8],
        fields: [(name: [UInt8], value: [UInt8])], isMerged: Bool, source: [UInt8],
        body: [UInt8]?, size: Int?
    ) {
        self.method = method
        self.target = target
        self.host = host
        self.fields = fields
        self.isMerged = isMerged
        self.source = source
        self.body = body
        self.size = size
    }

    private var isChunked: Bool {
        fields.contains { unsafe $0.name.span.bytes.equalsIgnoringCase("transfer-encoding") }
    }

    /// The request as the head of HTTP/1.1 that is judged; nil when it has no such form.
    ///
    /// Joined fields are taken apart at their commas: then a name that stands there twice is as
    /// ambiguous as it was, and one whose value has a comma of its own refuses rather than fools
    /// whoever reads it. A body that was not sent along is announced all the same, so that rules
    /// that read it know of it.
    ///
    /// **Shape** `closes` when the connection that the question came on ends behind the answer.
    package func head(closes: Bool = false) -> [UInt8]? {
        var out: [UInt8] = []
        guard unsafe FieldText.isName(method.span.bytes), isPlain(target), target.first == 0x2F,
            isPlain(host)
        else { return nil }
        out.append(contentsOf: method)
        out.append(UInt8(ascii: " "))
        out.append(contentsOf: target)
        out.append(" HTTP/1.1\r\nhost: ")
        out.append(contentsOf: host)
        out.append("\r\n")
        for (name, value) in fields where isJudged(name) {
            guard unsafe FieldText.isName(name.span.bytes),
                unsafe FieldText.isValue(value.span.bytes)
            else { return nil }
            let parts = isMerged ? value.split(separator: UInt8(ascii: ",")) : [value[...]]
            for part in parts.isEmpty ? [[]] : parts {
                out.append(contentsOf: name)
                out.append(": ")
                out.append(contentsOf: part)
                out.append("\r\n")
            }
        }
        if let body, !body.isEmpty {
            out.append("content-length: ")
            out.appendDecimal(body.count)
            out.append("\r\n")
        } else if let size {
            if size > 0 {
                out.append("content-length: ")
                out.appendDecimal(size)
                out.append("\r\n")
            }
        } else if isChunked {
            out.append("transfer-encoding: chunked\r\n")
        }
        if closes { out.append("connection: close\r\n") }
        out.append("\r\n")
        return out
    }

    /// Whether a field is part of what is judged: no pseudo-field, nothing of framing or of one
    /// hop, and no host, which is known already.
    private func isJudged(_ name: [UInt8]) -> Bool {
        if name.first == UInt8(ascii: ":") { return false }
        let text = String(decoding: name, as: UTF8.self).lowercased()
        return !Self.unjudged.contains(text)
    }

    private static let unjudged = [
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// Whether `bytes` may stand in a request line or a host.
    private func isPlain(_ bytes: [UInt8]) -> Bool {
        bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }
}

extension AskedRequest {
    /// What `head`, read from `bytes`, asks about, in nginx's way: `X-Original-Method`,
    /// `X-Original-URI` and `X-Real-IP`, all of which must be there once, so that a caller's own
    /// fields of these names can never be taken for nginx's.
    package init?(nginx head: borrowing RequestHead, _ bytes: RawSpan) {
        var known: [String: [UInt8]] = [:]
        var fields: [(name: [UInt8], value: [UInt8])] = []
        for slot in head.fields {
            let name = bytes.extracting(slot.nameRange.range)
            let value = bytes.extracting(slot.valueRange.range).array
            let text = name.text.lowercased()
            guard Self.nginxNames.contains(text) else {
                fields.append((name.array, value))
                continue
            }
            guard known[text] == nil else { return nil }
            known[text] = value
        }
        guard let method = known["x-original-method"], let target = known["x-original-uri"],
            let source = known["x-real-ip"], !source.isEmpty
        else { return nil }
        self.init(
            method: method, target: target,
            host: bytes.extracting(head.hostRange.range).array, fields: fields, isMerged: false,
            source: source, body: nil, size: nil)
    }

    private static let nginxNames = ["x-original-method", "x-original-uri", "x-real-ip"]
}
