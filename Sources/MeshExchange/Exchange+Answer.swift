// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshLimits
import MeshSnapshot
import MeshTelemetry
import MeshWire

extension Exchange {
    /// Answers with `refusal`, and what `edits` add to its head, and ends; when an answer was begun
    /// already, breaks it off.
    mutating func refuse(
        _ refusal: Refusal, quota: Quota? = nil, edits: [HeaderEdit] = [], shard: inout Shard,
        at now: Instant
    ) -> Step {
        if answeredHead { return breakAnswer(refusal, .reset, shard: &shard, at: now) }
        var refusal = refusal
        refusal.status = askedStatus(refusal.status)
        record.refusal = refusal.code.name
        record.fault = refusal.code.scope
        if grpc != nil { return refuseCall(refusal, shard: &shard, at: now) }
        var body: [UInt8] = []
        let spoken = speaksAI ? Tongue.openAI : tongue
        appendError(refusal, in: spoken, to: &body)
        var fields: [UInt8] = []
        HeaderEdits.append(edits, fields: [], bytes: RawSpan(), to: &fields)
        let saysWhen = edits.contains { $0.name.elementsEqual("retry-after".utf8) }
        if refusal.status == 503 || refusal.status == 429, !saysWhen {
            fields.append("retry-after: ")
            fields.appendDecimal(Int(refusal.retryAfter?.wholeSeconds ?? 1))
            fields.append("\r\n")
        }
        if let line = refusal.answer.field(spoken) { fields.append(line) }
        if let quota { QuotaFields.append(quota, to: &fields) }
        let challenges = edits.contains { $0.name.elementsEqual("www-authenticate".utf8) }
        if !challenges { Challenge.append(for: refusal, to: &fields) }
        return answer(
            refusal.status,
            type: spoken == .plain ? "application/problem+json" : "application/json",
            fields: fields, body: body, shard: &shard, at: now)
    }

    /// Answers a whole message of the mesh's own and ends.
    ///
    /// **Shape** `fields` are complete lines.
    mutating func answer(
        _ status: Int, type: StaticString?, fields: [UInt8], body: [UInt8], shard: inout Shard,
        at now: Instant
    ) -> Step {
        if !isRequestComplete || shard.isDraining { keepsAlive = false }
        record.status = UInt16(status)
        shard.output.removeAll(keepingCapacity: true)
        HeadWriter.appendStatusLine(status, StatusText.reason(status), to: &shard.output)
        if let type {
            shard.output.append("content-type: ")
            shard.output.append(type)
            shard.output.append("\r\n")
        }
        shard.output.append(contentsOf: fields)
        HeadWriter.appendFraming(.length(UInt64(body.count)), to: &shard.output)
        appendRequestID(to: &shard.output)
        appendConnection(clientMinorVersion: clientMinorVersion, to: &shard.output)
        shard.output.append("\r\n")
        if method != .head { shard.output.append(contentsOf: body) }
        record.bytesOut += UInt64(shard.output.count)
        var step = Step()
        step.abandonsUpstream = true
        step.writes = true
        step.closesClient = !keepsAlive
        finish(&step, shard: &shard, at: now)
        return step
    }

    /// Whether the caller expects errors in the OpenAI shape.
    private var speaksAI: Bool {
        if model >= 0 || operation != .none { return true }
        guard rule >= 0 else { return false }
        switch snapshot.rules[Int(rule)].action {
        case .modelByBody, .listModels: return true
        case .forward, .redirect, .refuse: return false
        }
    }

    /// Appends the error as the caller's dialect has it; `event` is the number of the event that
    /// it is, in the Responses API.
    func appendError(
        _ refusal: Refusal, in tongue: Tongue, event: Int? = nil, to out: inout [UInt8]
    ) {
        var id = callerRequestID ?? []
        if callerRequestID == nil { record.requestID.append(to: &id) }
        let answer = refusal.answer
        if tongue == .openAI {
            answer.appendOpenAI(requestID: unsafe id.span.bytes, event: event, to: &out)
        } else {
            answer.append(tongue, requestID: unsafe id.span.bytes, to: &out)
        }
    }

    /// Appends the line that tells the caller under which id the exchange is known.
    func appendRequestID(to out: inout [UInt8]) {
        out.append("x-request-id: ")
        if let callerRequestID {
            out.append(contentsOf: callerRequestID)
        } else {
            record.requestID.append(to: &out)
        }
        out.append("\r\n")
    }

    /// `GET /v1/models` and `GET /v1/models/{id}`.
    mutating func answerModels(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        operation = .models
        let offered = currentListener?.models ?? []
        if offered.count == 1, offered[0].name == [UInt8(ascii: "*")] {
            // Every name is passed on, so only the provider knows which there are.
            return route(
                head, bytes, body: bytes.extracting(0..<0), shard: &shard, at: now)
        }
        labelBody(head, bytes, body: nil, shard: &shard)
        return authorizeBody(
            head, bytes, body: nil, isLast: true, then: .listed, shard: &shard, at: now)
            ?? answerOffered(head, bytes, shard: &shard, at: now)
    }

    /// The models that are offered here, or one of them, to a caller who may see them.
    mutating func answerOffered(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        let offered = currentListener?.models ?? []
        var body: [UInt8] = []
        let path = canonicalPath ?? bytes.extracting(head.pathRange.range).array
        if let name = Self.modelName(inPath: path) {
            guard let found = offered.first(where: { $0.name == name }) else {
                let shown = String(decoding: name.prefix(200), as: UTF8.self)
                return refuse(
                    Refusal(
                        .modelNotFound,
                        message: "the model `\(shown)` is not offered here; see GET /v1/models",
                        parameter: "model"),
                    shard: &shard, at: now)
            }
            ModelList.append(Self.entry(found, snapshot), to: &body)
        } else {
            let named = offered.filter { $0.name != [UInt8(ascii: "*")] }
            let known = snapshot
            ModelList.append(named.map { Self.entry($0, known) }, to: &body)
        }
        return answer(
            200, type: "application/json", fields: [], body: body, shard: &shard, at: now)
    }

    private static func entry(_ named: NamedModel, _ snapshot: Snapshot) -> ModelList.Entry {
        ModelList.Entry(id: named.name, owner: snapshot.models[Int(named.model)].owner)
    }

    /// What stands behind `/models/`, percent-escapes decoded; nil for the list itself.
    private static func modelName(inPath path: [UInt8]) -> [UInt8]? {
        let marker = Array("/models/".utf8)
        guard path.count > marker.count else { return nil }
        for start in 0...(path.count - marker.count)
        where path[start..<(start + marker.count)].elementsEqual(marker) {
            let raw = Array(path[(start + marker.count)...])
            return raw.isEmpty ? nil : PercentEscapes.decoded(raw)
        }
        return nil
    }

    /// The RequestRedirect filter.
    ///
    /// **Source** `HTTPRequestRedirectFilter` of the Gateway API, for what is kept and which port
    /// is left out.
    mutating func answerRedirect(
        _ head: borrowing RequestHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        guard case .redirect(let redirect) = snapshot.rules[Int(rule)].action else {
            return refuse(Refusal(.noBackend), shard: &shard, at: now)
        }
        let scheme = redirect.scheme ?? Array((isEncrypted ? "https" : "http").utf8)
        let listenerPort = snapshot.ports[Int(port)].number
        var shownPort: UInt16? = redirect.port
        if shownPort == nil, redirect.scheme == nil { shownPort = listenerPort }
        let isHTTPS = scheme.elementsEqual("https".utf8)
        if shownPort == (isHTTPS ? 443 : 80) { shownPort = nil }

        var line = Array("location: ".utf8)
        line.append(contentsOf: scheme)
        line.append("://")
        if let hostname = redirect.hostname {
            line.append(contentsOf: hostname)
        } else {
            line.append(bytes.extracting(head.hostNameRange.range))
        }
        if let shownPort {
            line.append(UInt8(ascii: ":"))
            line.appendDecimal(Int(shownPort))
        }
        var path = canonicalPath ?? bytes.extracting(head.pathRange.range).array
        if let modifier = redirect.path { path = modifier.applied(to: path) }
        line.append(contentsOf: path)
        if head.hasQuery {
            let query = bytes.extracting(head.queryRange.range)
            // What the caller shows here is not for whoever answers there.
            let isElsewhere =
                redirect.hostname.map {
                    let host = bytes.extracting(head.hostNameRange.range)
                    return unsafe !host.equalsIgnoringCase($0.span.bytes)
                } ?? false
            let kept = isElsewhere ? QueryCredentials.removed(from: query) : query.array
            if !isElsewhere || !kept.isEmpty {
                line.append(UInt8(ascii: "?"))
                line.append(contentsOf: kept)
            }
        }
        line.append("\r\n")
        return answer(
            redirect.status, type: nil, fields: line, body: [], shard: &shard, at: now)
    }
}

/// Reason phrases of RFC 9110 for the statuses that the mesh itself answers with.
enum StatusText {
    /// The phrase for `status`; empty when there is none.
    static func reason(_ status: Int) -> StaticString {
        switch status {
        case 200: "OK"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 413: "Content Too Large"
        case 414: "URI Too Long"
        case 415: "Unsupported Media Type"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}

/// Percent-escapes of RFC 3986.
enum PercentEscapes {
    /// `bytes` with every valid escape decoded; invalid ones stay as they are.
    static func decoded(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var i = 0
        while i < bytes.count {
            if bytes[i] == UInt8(ascii: "%"), i + 2 < bytes.count,
                let high = ASCII.hexValue(bytes[i + 1]), let low = ASCII.hexValue(bytes[i + 2])
            {
                out.append(high << 4 | low)
                i += 3
            } else {
                out.append(bytes[i])
                i += 1
            }
        }
        return out
    }
}
