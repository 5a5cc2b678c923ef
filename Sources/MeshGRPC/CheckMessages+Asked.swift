// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import MeshEngines
import MeshProxy
import MeshSnapshot
import SwiftProtobuf

/// What another proxy asks, and what it is told.
extension CheckMessages {
    /// The request that `message` asks about.
    ///
    /// **Errors** `invalidArgument` for a question about no HTTP request, such as those of
    /// Envoy's filter for TCP: there is nothing that a rule could judge.
    static func asked(
        _ message: Envoy_Service_Auth_V3_CheckRequest
    ) throws -> AskedRequest {
        let attributes = message.attributes
        let http = attributes.request.http
        guard attributes.hasRequest, attributes.request.hasHTTP, !http.method.isEmpty else {
            throw RPCError(
                code: .invalidArgument, message: "the question is about no HTTP request")
        }
        // Envoy tells fields one by one only when it is told to; else several of one name are one.
        let isMerged = http.headerMap.headers.isEmpty
        var fields: [(name: [UInt8], value: [UInt8])] = []
        if isMerged {
            // A map has no order of its own.
            for (name, value) in http.headers.sorted(by: { $0.key < $1.key }) {
                fields.append((Array(name.utf8), Array(value.utf8)))
            }
        } else {
            for header in http.headerMap.headers {
                let value =
                    header.rawValue.isEmpty ? Array(header.value.utf8) : Array(header.rawValue)
                fields.append((Array(header.key.utf8), value))
            }
        }
        let body = http.rawBody.isEmpty ? Array(http.body.utf8) : Array(http.rawBody)
        var asked = AskedRequest(
            method: Array(http.method.utf8), target: Array(http.path.utf8),
            host: Array(http.host.utf8), fields: fields, isMerged: isMerged,
            source: Array(attributes.source.address.socketAddress.address.utf8),
            body: body.isEmpty ? nil : body, size: http.size < 0 ? nil : Int(clamping: http.size))
        asked.speaksHTTP2 = http.protocol.hasPrefix("HTTP/2")
        return asked
    }

    /// The answer that says `verdict`.
    static func response(_ verdict: CheckVerdict) -> Envoy_Service_Auth_V3_CheckResponse {
        var response = Envoy_Service_Auth_V3_CheckResponse()
        guard !verdict.allows else {
            response.status.code = 0
            var yes = Envoy_Service_Auth_V3_OkHttpResponse()
            for edit in verdict.requestEdits {
                if case .remove(let name) = edit {
                    yes.headersToRemove.append(String(decoding: name, as: UTF8.self))
                } else {
                    yes.headers.append(option(edit))
                }
            }
            yes.responseHeadersToAdd = verdict.answerEdits.map { option($0) }
            response.okResponse = yes
            return response
        }
        // UNAUTHENTICATED and PERMISSION_DENIED of google.rpc.Code.
        response.status.code = verdict.status == 401 ? 16 : 7
        var no = Envoy_Service_Auth_V3_DeniedHttpResponse()
        no.status.code = Int32(verdict.status)
        no.body = String(decoding: verdict.body, as: UTF8.self)
        no.headers = verdict.fields.map { field in
            var option = Envoy_Config_Core_V3_HeaderValueOption()
            option.header.key = field.name
            option.header.value = field.value
            return option
        }
        response.deniedResponse = no
        return response
    }

    private static func option(_ edit: HeaderEdit) -> Envoy_Config_Core_V3_HeaderValueOption {
        var option = Envoy_Config_Core_V3_HeaderValueOption()
        switch edit {
        case .set(let name, let value), .add(let name, let value):
            option.header.key = String(decoding: name, as: UTF8.self)
            option.header.value = String(decoding: value, as: UTF8.self)
        case .remove(let name): option.header.key = String(decoding: name, as: UTF8.self)
        }
        if case .add = edit { option.append.value = true } else { option.append.value = false }
        return option
    }
}
