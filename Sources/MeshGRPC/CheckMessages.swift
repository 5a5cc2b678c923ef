// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshEngines
import SwiftProtobuf

/// Questions and answers of policy engines as Envoy's messages, and back.
///
/// **Source** envoy.service.auth.v3, `CheckRequest`, `CheckResponse`; google.rpc.Code.
enum CheckMessages {
    /// The message that asks `question`.
    static func request(_ question: CheckQuestion) -> Envoy_Service_Auth_V3_CheckRequest {
        var http = Envoy_Service_Auth_V3_AttributeContext.HttpRequest()
        http.id = question.id
        http.method = question.method
        http.path = question.path
        http.host = question.host
        http.scheme = question.scheme
        http.size = question.size
        http.protocol = question.version
        for field in question.headers { http.headers[field.name] = field.value }
        // Envoy tells pseudo-fields too, and policies for it look at them.
        http.headers[":method"] = question.method
        http.headers[":path"] = question.path
        http.headers[":authority"] = question.host
        http.headers[":scheme"] = question.scheme
        var attributes = Envoy_Service_Auth_V3_AttributeContext()
        attributes.source = peer(question.source)
        attributes.destination = peer(question.destination)
        attributes.request.http = http
        attributes.request.time = Google_Protobuf_Timestamp(
            seconds: question.time.nanoseconds / 1_000_000_000,
            nanos: Int32(question.time.nanoseconds % 1_000_000_000))
        for field in question.context { attributes.contextExtensions[field.name] = field.value }
        var request = Envoy_Service_Auth_V3_CheckRequest()
        request.attributes = attributes
        return request
    }

    private static func peer(
        _ peer: CheckQuestion.Peer
    ) -> Envoy_Service_Auth_V3_AttributeContext.Peer {
        var out = Envoy_Service_Auth_V3_AttributeContext.Peer()
        out.principal = peer.principal
        if !peer.address.isEmpty {
            out.address.socketAddress.address = peer.address
            out.address.socketAddress.portValue = UInt32(peer.port)
        }
        return out
    }

    /// What `response` says.
    static func outcome(_ response: Envoy_Service_Auth_V3_CheckResponse) -> EngineOutcome {
        do throws(EngineFailure) {
            if response.status.code == 0 {
                // A yes with a denied response contradicts itself.
                if case .deniedResponse? = response.httpResponse { throw .malformed }
                return .answered(try allowed(response.okResponse))
            }
            return .answered(try denied(response))
        } catch {
            return .failed(error)
        }
    }

    private static func allowed(
        _ response: Envoy_Service_Auth_V3_OkHttpResponse
    ) throws(EngineFailure) -> EngineAnswer {
        var toRequest = AnswerFields(.request)
        for name in response.headersToRemove { try toRequest.remove(name) }
        try put(response.headers, into: &toRequest, heedsAction: false)
        var toAnswer = AnswerFields(.answer)
        try put(response.responseHeadersToAdd, into: &toAnswer, heedsAction: true)
        return EngineAnswer(
            allows: true, requestEdits: toRequest.edits, answerEdits: toAnswer.edits)
    }

    private static func denied(
        _ response: Envoy_Service_Auth_V3_CheckResponse
    ) throws(EngineFailure) -> EngineAnswer {
        var answer = EngineAnswer(allows: false)
        guard case .deniedResponse(let denied)? = response.httpResponse else {
            answer.reason = Reason.line(response.status.message)
            return answer
        }
        let code = Int(denied.status.code)
        if 300...599 ~= code { answer.status = code }
        var fields = AnswerFields(.answer)
        try put(denied.headers, into: &fields, heedsAction: false)
        answer.answerEdits = fields.edits
        let type = denied.headers.last { $0.header.key.lowercased() == "content-type" }
        let body = Array(denied.body.utf8)
        answer.reason =
            ExtAuthzHTTP.reason(body.span.bytes, type: type?.header.value ?? "")
            ?? Reason.line(response.status.message)
        return answer
    }

    /// Takes over header options as Envoy does: `append` decides where it is written; without it
    /// `append_action` does in what goes back to callers, and everything else is set.
    private static func put(
        _ options: [Envoy_Config_Core_V3_HeaderValueOption], into fields: inout AnswerFields,
        heedsAction: Bool
    ) throws(EngineFailure) {
        for option in options {
            let name = option.header.key
            let value =
                option.header.rawValue.isEmpty
                ? option.header.value : String(decoding: option.header.rawValue, as: UTF8.self)
            // Pseudo-fields cannot be changed, as with Envoy.
            if name.hasPrefix(":") { continue }
            let adds: Bool
            if option.hasAppend {
                adds = option.append.value
            } else {
                switch option.appendAction {
                case .appendIfExistsOrAdd: adds = heedsAction
                case .addIfAbsent, .overwriteIfExistsOrAdd, .overwriteIfExists, .UNRECOGNIZED:
                    adds = false
                }
            }
            if adds { try fields.add(name, value) } else { try fields.put(name, value) }
        }
    }
}
