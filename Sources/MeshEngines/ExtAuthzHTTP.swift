// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshPolicy
package import MeshWire

/// Envoy's external authorisation over plain HTTP: the engine gets a request like the caller's own
/// without its body, and its status is the verdict.
///
/// ```
///  200       it may pass; named fields of the answer go on to the backend
///  300–499   it may not; the status and fields of the answer are the caller's
///  5xx       the engine failed
/// ```
///
/// **Source** Envoy, "External Authorization", `HttpService`, and the field
/// `x-envoy-auth-headers-to-remove` of `OkHttpResponse`.
package enum ExtAuthzHTTP {
    /// What a question is made of.
    package struct Asked {
        /// The method of the caller's request.
        package var method: [UInt8]
        /// Its path in its canonical spelling, with the query.
        package var target: [UInt8]
        /// Its host as it was written.
        package var host: [UInt8]
        /// The caller's address.
        package var peer: [UInt8]
        /// The fields that the engine is told.
        package var headers: [CheckQuestion.Field]
        /// What else it is told.
        package var facts: [(name: String, value: Value)]

        /// A request of the given parts.
        package init(
            method: [UInt8], target: [UInt8], host: [UInt8], peer: [UInt8],
            headers: [CheckQuestion.Field], facts: [(name: String, value: Value)]
        ) {
            self.method = method
            self.target = target
            self.host = host
            self.peer = peer
            self.headers = headers
            self.facts = facts
        }
    }

    /// The question about `asked`, to a path behind `prefix`.
    package static func question(_ asked: Asked, prefix: [UInt8]) -> HTTPQuestion {
        var fields: [UInt8] = []
        for field in asked.headers where !isOurs(field.name) {
            fields.append(field.name)
            fields.append(": ")
            fields.append(field.value)
            fields.append("\r\n")
        }
        for (name, value) in asked.facts {
            fields.append(factPrefix)
            for byte in name.utf8 {
                let isPlain = byte != UInt8(ascii: ".") && byte != UInt8(ascii: "_")
                fields.append(isPlain ? byte : UInt8(ascii: "-"))
            }
            fields.append(": ")
            append(escaped: value.text, to: &fields)
            fields.append("\r\n")
        }
        fields.append("x-forwarded-for: ")
        fields.append(contentsOf: asked.peer)
        fields.append("\r\n")
        return HTTPQuestion(
            method: asked.method, target: prefix + asked.target, host: asked.host,
            fields: fields, body: nil)
    }

    /// What a fact's field begins with: `x-pinion-ai-model`.
    private static let factPrefix: StaticString = "x-pinion-"

    /// Whether the field is one that the mesh writes itself, so that a caller cannot.
    private static func isOurs(_ name: String) -> Bool {
        name.hasPrefix("x-pinion-") || name == "x-forwarded-for" || name == "host"
            || name == "content-length" || name == "content-type" || name == "content-encoding"
    }

    /// Appends `text`; what could end the line, and a percent sign, as `%0a`.
    private static func append(escaped text: String, to out: inout [UInt8]) {
        for byte in text.utf8 {
            if byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "%") {
                out.append(byte)
            } else {
                out.append(UInt8(ascii: "%"))
                out.append(ASCII.hexDigit(byte >> 4))
                out.append(ASCII.hexDigit(byte & 15))
            }
        }
    }

    /// What the answer says: its head, read from `bytes`, and its body. Fields named in
    /// `upstream` (lower case) go on to the backend.
    package static func outcome(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, body: RawSpan, upstream: [[UInt8]]
    ) -> EngineOutcome {
        do throws(EngineFailure) {
            switch head.status {
            case 200: return .answered(try allowed(head, bytes, upstream))
            case 300...499: return .answered(try denied(head, bytes, body))
            case 500...599: throw .failed
            default: throw .malformed
            }
        } catch {
            return .failed(error)
        }
    }

    private static func allowed(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, _ upstream: [[UInt8]]
    ) throws(EngineFailure) -> EngineAnswer {
        var fields = AnswerFields(.request)
        for slot in head.fields {
            let name = bytes.extracting(slot.nameRange.range)
            let value = bytes.extracting(slot.valueRange.range).text
            if name.equalsIgnoringCase("x-envoy-auth-headers-to-remove") {
                for part in value.split(separator: ",") {
                    let name = part.filter { $0 != " " && $0 != "\t" }
                    if !name.isEmpty { try fields.remove(name) }
                }
                continue
            }
            let isNamed = upstream.contains { wanted in
                unsafe name.equalsIgnoringCase(wanted.span.bytes)
            }
            if isNamed { try fields.put(name.text, value) }
        }
        return EngineAnswer(allows: true, requestEdits: fields.edits)
    }

    private static func denied(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, _ body: RawSpan
    ) throws(EngineFailure) -> EngineAnswer {
        var fields = AnswerFields(.answer)
        var type = ""
        for slot in head.fields {
            let value = bytes.extracting(slot.valueRange.range).text
            if slot.name == .contentType { type = value.lowercased() }
            if FieldSet.hopByHop.contains(slot.name) { continue }
            try fields.put(bytes.extracting(slot.nameRange.range).text, value)
        }
        return EngineAnswer(
            allows: false, status: head.status, reason: reason(body, type: type),
            answerEdits: fields.edits)
    }

    /// What a body says to a person; nil for one that speaks to browsers.
    package static func reason(_ body: RawSpan, type: String) -> String? {
        if type.isEmpty || type.hasPrefix("text/plain") { return Reason.line(body.text) }
        guard type.contains("json"),
            let tree = try? JSONTree.read(body, bytesMax: Limits.answerBytes)
        else { return nil }
        for name in ["reason", "message", "detail", "error"] {
            if let text = tree[name]?.text ?? tree[name]?["message"]?.text {
                return Reason.line(text)
            }
        }
        return nil
    }
}
