// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshDialects
import MeshSnapshot
import MeshTelemetry
package import MeshWire

extension Exchange {
    /// Puts the head to forward into `shard.output` and answers the edits of the body.
    ///
    /// **Shape** `body` is the collected payload, or nil when the request has none or is
    /// streamed with the framing it came with. `peer` is the caller's address as text.
    package mutating func forwardedHead(
        _ head: borrowing RequestHead, _ bytes: RawSpan, body: RawSpan?, peer: [UInt8],
        shard: inout Shard
    ) -> BodyEdits {
        var edits = BodyEdits()
        if let body, let facts, model >= 0 {
            edits = BodyEdits(
                facts, body: body, upstreamModel: upstreamModel, askForUsage: asksForUsage)
            if isResuming { appendResumption(to: &edits, body) }
        }
        var length: Int?
        if let body { length = edits.length(of: body.byteCount) }
        writeHead(
            head, bytes, to: backend, bodyLength: length, peer: peer, isMirror: false,
            shard: &shard)
        return edits
    }

    func writeHead(
        _ head: borrowing RequestHead, _ bytes: RawSpan, to id: BackendID, bodyLength: Int?,
        peer: [UInt8], isMirror: Bool, shard: inout Shard
    ) {
        let target = Target(snapshot.backends, Int(id))
        let rewrite = snapshot.rules[Int(rule)].rewrite
        shard.output.removeAll(keepingCapacity: true)
        shard.output.append(bytes.extracting(head.methodRange.range))
        shard.output.append(UInt8(ascii: " "))
        appendPath(head, bytes, id, rewrite, to: &shard.output)
        // The caller's own credential is for the backend it was sent to, and no other.
        let isStranger =
            target.credential != nil || isMirror || modelTarget < 0
            || (model >= 0 && snapshot.models[Int(model)].isMixed)
        if head.hasQuery { appendQuery(head, bytes, isStranger, to: &shard.output) }
        shard.output.append(" HTTP/1.1\r\nhost: ")
        if let hostname = rewrite?.hostname ?? target.hostHeader {
            shard.output.append(contentsOf: hostname)
        } else {
            shard.output.append(bytes.extracting(head.hostRange.range))
        }
        shard.output.append("\r\n")

        var dropped = Self.alwaysDropped
        if isStranger { dropped.formUnion(Self.credentials) }
        if snapshot.limits.replacesForwarded { dropped.formUnion(Self.forwarded) }
        // What told the mesh who the caller is was for the mesh.
        if caller != nil, !snapshot.identity[Int(callerProvider)].forwards {
            dropped.insert(FieldSet(callerField))
        }
        if facts != nil { dropped.insert(FieldSet(.acceptEncoding)) }
        // State without its parent belongs to another trace.
        if record.trace.parent == 0 { dropped.insert(FieldSet(.tracestate)) }
        let edits = requestEdits(isStranger: isStranger)
        HeadWriter.appendEndToEndFields(
            of: head.fields, bytes: bytes, dropping: dropped,
            also: Self.replacedNames(edits, target.credential, isStranger: isStranger),
            to: &shard.output)
        HeaderEdits.append(edits, fields: head.fields, bytes: bytes, to: &shard.output)
        appendOwnFields(head, bytes, target.credential, peer: peer, shard: &shard, id: id)
        if isMirror, snapshot.backends[Int(id)].version == .http1 {
            shard.output.append("connection: close\r\n")
        }
        if let bodyLength {
            if bodyLength > 0 || head.framing != .none {
                HeadWriter.appendFraming(.length(UInt64(bodyLength)), to: &shard.output)
            }
        } else {
            HeadWriter.appendFraming(head.framing, to: &shard.output)
        }
        shard.output.append("\r\n")
    }

    private static let alwaysDropped = FieldSet(names: [
        .host, .contentLength, .traceparent, .xForwardedFor, .xForwardedProto, .xRequestID,
        .xForwardedClientCert,
    ])

    /// What a caller may say of where its request comes from.
    static let forwarded = FieldSet(names: [
        .forwarded, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xRealIP,
    ])

    /// What authenticates a caller: never shown to an upstream that gets a credential of ours.
    private static let credentials = FieldSet(names: [.authorization, .xAPIKey, .apiKey, .cookie])

    /// The same for names that are known to single vendors only.
    private static let otherCredentials = [
        "x-goog-api-key", "openai-organization", "openai-project",
    ].map { Array($0.utf8) }

    /// What engines and the route change of the head, in this order. A credential that an engine
    /// adds is for the backend that the request was meant for, and no other.
    private func requestEdits(isStranger: Bool) -> [HeaderEdit] {
        guard let ofEngines = accessNotes?.requestEdits, !ofEngines.isEmpty else {
            return ownRequestEdits
        }
        if !isStranger { return ofEngines + ownRequestEdits }
        return ofEngines.filter { edit in
            !Self.secretNames.contains { $0 == edit.name }
        } + ownRequestEdits
    }

    /// The names of `credentials` and `otherCredentials`.
    private static let secretNames =
        ["authorization", "x-api-key", "api-key", "cookie"].map { Array($0.utf8) }
        + otherCredentials

    private var ownRequestEdits: [HeaderEdit] {
        let ofRule = snapshot.rules[Int(rule)].requestEdits
        guard ruleTarget >= 0, case .forward(let targets) = snapshot.rules[Int(rule)].action,
            !targets[ruleTarget].requestEdits.isEmpty
        else { return ofRule }
        return ofRule + targets[ruleTarget].requestEdits
    }

    /// The two fields of a backend that every head needs.
    private struct Target {
        let credential: Credential?
        let hostHeader: [UInt8]?

        init(_ backends: [Backend], _ number: Int) {
            credential = backends[number].credential
            hostHeader = backends[number].hostHeader
        }
    }

    /// Names whose fields in the received head must not pass.
    private static func replacedNames(
        _ edits: [HeaderEdit], _ credential: Credential?, isStranger: Bool
    ) -> [[UInt8]] {
        if edits.isEmpty, !isStranger { return [] }
        var names = HeaderEdits.replaced(edits)
        if isStranger { names += otherCredentials }
        if let credential { names.append(credential.header) }
        return names
    }

    private func appendOwnFields(
        _ head: borrowing RequestHead, _ bytes: RawSpan, _ credential: Credential?,
        peer: [UInt8], shard: inout Shard, id: BackendID
    ) {
        shard.output.append("x-request-id: ")
        if let callerRequestID {
            shard.output.append(contentsOf: callerRequestID)
        } else {
            record.requestID.append(to: &shard.output)
        }
        shard.output.append("\r\ntraceparent: ")
        record.trace.append(traceparentTo: &shard.output)
        shard.output.append("\r\nx-forwarded-for: ")
        if !snapshot.limits.replacesForwarded, head.present.contains(.xForwardedFor) {
            for field in head.fields where field.name == .xForwardedFor {
                shard.output.append(bytes.extracting(field.valueRange.range))
                shard.output.append(", ")
            }
        }
        shard.output.append(contentsOf: peer)
        shard.output.append(
            isEncrypted ? "\r\nx-forwarded-proto: https\r\n" : "\r\nx-forwarded-proto: http\r\n")
        if let credential, Int(id) < credentials.count,
            let secret = credentials[Int(id)]
        {
            shard.output.append(contentsOf: credential.header)
            shard.output.append(": ")
            shard.output.append(contentsOf: credential.prefix)
            shard.output.append(contentsOf: secret.reveal())
            shard.output.append("\r\n")
        }
    }

    /// Appends the query; a stranger is not shown parameters that are credentials.
    private func appendQuery(
        _ head: borrowing RequestHead, _ bytes: RawSpan, _ isStranger: Bool,
        to out: inout [UInt8]
    ) {
        let query = bytes.extracting(head.queryRange.range)
        guard isStranger else {
            out.append(UInt8(ascii: "?"))
            out.append(query)
            return
        }
        let kept = QueryCredentials.removed(from: query)
        if kept.isEmpty { return }
        out.append(UInt8(ascii: "?"))
        out.append(contentsOf: kept)
    }

    private func appendPath(
        _ head: borrowing RequestHead, _ bytes: RawSpan, _ id: BackendID,
        _ rewrite: URLRewrite?, to out: inout [UInt8]
    ) {
        let strip = snapshot.backends[Int(id)].pathStrip
        let prefix = snapshot.backends[Int(id)].pathPrefix
        let plain = rewrite?.path == nil && strip.isEmpty && prefix.isEmpty
        if plain, canonicalPath == nil {
            out.append(bytes.extracting(head.pathRange.range))
            return
        }
        var path = canonicalPath ?? bytes.extracting(head.pathRange.range).array
        if let modifier = rewrite?.path { path = modifier.applied(to: path) }
        path.move(from: strip, to: prefix)
        out.append(contentsOf: path)
    }
}

extension [UInt8] {
    /// Puts `prefix` in the place of `strip` at the front of this path.
    mutating func move(from strip: [UInt8], to prefix: [UInt8]) {
        if !strip.isEmpty, starts(with: strip),
            count == strip.count || self[strip.count] == UInt8(ascii: "/")
        {
            removeFirst(strip.count)
        }
        if isEmpty, prefix.isEmpty { append(UInt8(ascii: "/")) }
        insert(contentsOf: prefix, at: 0)
    }
}

extension PathModifier {
    /// `path` with the modifier applied.
    ///
    /// **Source** `HTTPPathModifier` of the Gateway API: a replaced prefix is an element-wise
    /// one, and slashes between the parts neither double nor vanish.
    func applied(to path: [UInt8]) -> [UInt8] {
        switch self {
        case .full(let whole): return whole
        case .prefix(let match, let with):
            var prefix = match
            while prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
            guard path.starts(with: prefix) else { return path }
            var rest = Array(path[prefix.count...])
            var front = with
            while front.last == UInt8(ascii: "/") { front.removeLast() }
            if rest.first != UInt8(ascii: "/"), !rest.isEmpty {
                rest.insert(UInt8(ascii: "/"), at: 0)
            }
            if rest.isEmpty { return front.isEmpty ? [UInt8(ascii: "/")] : with }
            return front + rest
        }
    }
}
