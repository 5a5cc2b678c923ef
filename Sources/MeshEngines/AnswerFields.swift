// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshSnapshot
import MeshWire

/// Gathers the fields that an engine wants to set, add or remove, and refuses what would change
/// more than a head may be changed by somebody else.
package struct AnswerFields {
    /// Which head is edited.
    package enum Side: Sendable {
        /// That of the request, on its way to the backend.
        case request
        /// That of the answer, on its way to the caller.
        case answer
    }

    /// The edits so far.
    package private(set) var edits: [HeaderEdit] = []
    private let side: Side
    private var bytes = 0
    private var count = 0

    /// Nothing yet, for one side.
    package init(_ side: Side) { self.side = side }

    /// Has `name` replaced by `value`.
    ///
    /// **Errors** `.malformed` for what is no field, and for too much of them.
    package mutating func set(_ name: String, _ value: String) throws(EngineFailure) {
        let (name, value) = try checked(name, value)
        guard isOpen(name) else { return }
        edits.append(.set(name: name, value: value))
    }

    /// Adds one more field.
    ///
    /// **Errors** as `set`.
    package mutating func add(_ name: String, _ value: String) throws(EngineFailure) {
        let (name, value) = try checked(name, value)
        guard isOpen(name) else { return }
        edits.append(.add(name: name, value: value))
    }

    /// Sets the first value of a name and adds the others of the same name.
    ///
    /// **Errors** as `set`.
    package mutating func put(_ name: String, _ value: String) throws(EngineFailure) {
        let lower = Array(name.lowercased().utf8)
        let isKnown = edits.contains { edit in
            switch edit {
            case .set(let other, _), .add(let other, _): other == lower
            case .remove: false
            }
        }
        if isKnown { try add(name, value) } else { try set(name, value) }
    }

    /// Drops every field called `name`.
    ///
    /// **Errors** as `set`.
    package mutating func remove(_ name: String) throws(EngineFailure) {
        let (name, _) = try checked(name, "")
        guard isOpen(name) else { return }
        edits.append(.remove(name: name))
    }

    private mutating func checked(
        _ name: String, _ value: String
    ) throws(EngineFailure) -> (name: [UInt8], value: [UInt8]) {
        let name = Array(name.lowercased().utf8)
        let value = Array(value.utf8)
        count += 1
        bytes += name.count + value.count
        guard count <= Limits.answerFields, bytes <= Limits.answerFieldBytes,
            unsafe FieldText.isName(name.span.bytes), unsafe FieldText.isValue(value.span.bytes)
        else { throw .malformed }
        return (name, value)
    }

    /// Whether an engine may touch a field of that name; others are left as they are, as Envoy
    /// does with those of its own.
    private func isOpen(_ name: [UInt8]) -> Bool {
        let text = String(decoding: name, as: UTF8.self)
        switch side {
        case .request: return !Self.closed.contains(text) && !Self.closedInRequests.contains(text)
        case .answer: return !Self.closed.contains(text) && !Self.closedInAnswers.contains(text)
        }
    }

    /// What decides about framing and connections on either side.
    private static let closed = [
        "connection", "content-encoding", "content-length", "expect", "http2-settings",
        "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
        "x-request-id",
    ]
    /// Where a request goes, who sent it and to which trace it belongs.
    private static let closedInRequests = [
        "accept-encoding", "host", "traceparent", "tracestate", "x-forwarded-client-cert",
        "x-forwarded-for", "x-forwarded-proto",
    ]
    /// What describes a body that the mesh or the backend writes.
    private static let closedInAnswers = ["content-type", "date", "server", "via"]
}

/// The one line that a caller is told.
package enum Reason {
    /// `text` without what would break a line, cut to `Limits.reasonBytes`; nil when nothing is
    /// left.
    package static func line(_ text: String) -> String? {
        var line: [Unicode.Scalar] = []
        var bytes = 0
        for scalar in text.unicodeScalars {
            let isBlank = scalar.value <= 0x20 || scalar.properties.isWhitespace
            if isBlank, line.last == " " || line.isEmpty { continue }
            if !isBlank, scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) { continue }
            bytes += UTF8.width(scalar)
            if bytes > Limits.reasonBytes { break }
            line.append(isBlank ? " " : scalar)
        }
        while line.last == " " { line.removeLast() }
        if line.isEmpty { return nil }
        var out = String.UnicodeScalarView()
        out.append(contentsOf: line)
        return String(out)
    }
}
