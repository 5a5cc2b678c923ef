// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// The shapes of errors in the tongues whose requests the mesh does not read. All of them carry
/// the same contract: the stable code, whose fault it is, whether it may be tried again, the id.
extension ErrorAnswer {
    /// Appends the body in the shape of `tongue`.
    package func append(_ tongue: Tongue, requestID: RawSpan, to out: inout [UInt8]) {
        switch tongue {
        case .plain: appendProblem(requestID: requestID, to: &out)
        case .openAI: appendOpenAI(requestID: requestID, to: &out)
        case .anthropic: appendAnthropic(requestID: requestID, to: &out)
        case .gemini: appendGemini(requestID: requestID, to: &out)
        case .cohere: appendCohere(requestID: requestID, to: &out)
        case .bedrock: appendBedrock(requestID: requestID, to: &out)
        }
    }

    /// The field line that clients of `tongue` tell the kind of an error by, or nil.
    package func field(_ tongue: Tongue) -> String? {
        tongue == .bedrock ? "x-amzn-errortype: \(bedrockType)\r\n" : nil
    }

    /// `{"type":"error","error":{"type":…,"message":…},"request_id":…}`.
    ///
    /// **Source** "Errors" of the Anthropic API reference.
    private func appendAnthropic(requestID: RawSpan, to out: inout [UInt8]) {
        out.append(#"{"type":"error","error":{"type":"#)
        out.appendJSONString(anthropicType)
        appendMessage(to: &out)
        out.append(#"},"request_id":"#)
        out.appendJSONString(requestID)
        out.append("}")
    }

    /// `{"error":{"code":…,"message":…,"status":…,"details":[…]}}`.
    ///
    /// **Source** `google.rpc.Status` and `google.rpc.ErrorInfo` as JSON, AIP-193.
    private func appendGemini(requestID: RawSpan, to out: inout [UInt8]) {
        out.append(#"{"error":{"code":"#)
        out.appendDecimal(status)
        out.append(#","message":"#)
        out.appendJSONString(message)
        out.append(#","status":"#)
        out.appendJSONString(googleStatus)
        out.append(#","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"#)
        out.appendJSONString(reason)
        out.append(#","domain":"pinion.dev","metadata":{"code":"#)
        out.appendJSONString(code)
        out.append(#","retryable":""#)
        out.append(isRetryable ? "true" : "false")
        out.append(#"","scope":"#)
        out.appendJSONString(scope)
        out.append(#","request_id":"#)
        out.appendJSONString(requestID)
        out.append("}}]}}")
    }

    /// `{"message":…}`.
    ///
    /// **Source** "Errors" of the Cohere API reference.
    private func appendCohere(requestID: RawSpan, to out: inout [UInt8]) {
        out.append(#"{"id":"#)
        out.appendJSONString(requestID)
        appendEnd(requestID: requestID, to: &out)
    }

    /// `{"message":…}`, with the kind in a header field.
    ///
    /// **Source** "Common errors" of the Amazon Bedrock API reference; the restJson1 protocol of
    /// AWS.
    private func appendBedrock(requestID: RawSpan, to out: inout [UInt8]) {
        out.append(#"{"__type":"#)
        out.appendJSONString(bedrockType)
        appendEnd(requestID: requestID, to: &out)
    }

    private func appendEnd(requestID: RawSpan, to out: inout [UInt8]) {
        appendMessage(to: &out)
        out.append(#","request_id":"#)
        out.appendJSONString(requestID)
        out.append("}")
    }

    private func appendMessage(to out: inout [UInt8]) {
        out.append(#","message":"#)
        out.appendJSONString(message)
        out.append(#","code":"#)
        out.appendJSONString(code)
        out.append(isRetryable ? #","retryable":true,"scope":"# : #","retryable":false,"scope":"#)
        out.appendJSONString(scope)
    }

    private var anthropicType: String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        case 503, 529: "overloaded_error"
        case 504: "timeout_error"
        default: "api_error"
        }
    }

    private var googleStatus: String {
        switch status {
        case 401: "UNAUTHENTICATED"
        case 403: "PERMISSION_DENIED"
        case 404: "NOT_FOUND"
        case 408, 504: "DEADLINE_EXCEEDED"
        case 429: "RESOURCE_EXHAUSTED"
        case 400..<500: "INVALID_ARGUMENT"
        case 501: "UNIMPLEMENTED"
        case 502, 503: "UNAVAILABLE"
        default: "INTERNAL"
        }
    }

    private var bedrockType: String {
        switch status {
        case 401, 403: "AccessDeniedException"
        case 404: "ResourceNotFoundException"
        case 408, 504: "ModelTimeoutException"
        case 429: "ThrottlingException"
        case 400..<500: "ValidationException"
        case 502, 503: "ServiceUnavailableException"
        default: "InternalServerException"
        }
    }

    /// The code as `google.rpc.ErrorInfo.reason` is spelled: `UPSTREAM_RESET`.
    private var reason: String {
        String(
            decoding: code.utf8.map { byte in
                byte == UInt8(ascii: "-")
                    ? UInt8(ascii: "_")
                    : byte &- UInt8(ascii: "a") < 26 ? byte &- 32 : byte
            }, as: UTF8.self)
    }
}
