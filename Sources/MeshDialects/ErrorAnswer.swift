// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// An error of the mesh as a caller is told it, before it is put into the caller's tongue.
package struct ErrorAnswer: Sendable, Hashable {
    /// HTTP status, 400 to 599.
    package var status: Int
    /// The stable code of `Docs/errors.md`: `model-not-found`.
    package var code: String
    /// What happened and what to do, one or two sentences.
    package var message: String
    /// Whether the same request may succeed later.
    package var isRetryable: Bool
    /// Whose fault it is: `client`, `policy`, `limit`, `upstream` or `mesh`.
    package var scope: String
    /// The parameter of the body that is at fault, or nil.
    package var parameter: String?

    /// An error of the given parts.
    package init(
        status: Int, code: String, message: String, isRetryable: Bool, scope: String,
        parameter: String? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.isRetryable = isRetryable
        self.scope = scope
        self.parameter = parameter
    }

    /// Appends the body in the OpenAI shape:
    /// `{"error":{"message":…,"type":…,"param":…,"code":…,…}}`.
    ///
    /// **Source** the error object of the OpenAI API reference; `retryable`, `scope` and
    /// `request_id` are members of ours beside it. With `event`, its number, it is the data of an
    /// event of the Responses API, whose own members stand beside `error`.
    package func appendOpenAI(
        requestID: RawSpan, event: Int? = nil, to out: inout [UInt8]
    ) {
        if let event {
            out.append(#"{"type":"error","sequence_number":"#)
            out.appendDecimal(event)
            out.append(#","code":"#)
            out.appendJSONString(openAICode)
            out.append(#","message":"#)
            out.appendJSONString(message)
            out.append(#","param":null,"error":{"message":"#)
        } else {
            out.append(#"{"error":{"message":"#)
        }
        out.appendJSONString(message)
        out.append(#","type":"#)
        out.appendJSONString(openAIType)
        out.append(#","param":"#)
        if let parameter { out.appendJSONString(parameter) } else { out.append("null") }
        out.append(#","code":"#)
        out.appendJSONString(openAICode)
        appendCommon(requestID: requestID, to: &out)
        out.append("}}")
    }

    /// Appends the body as `application/problem+json`. **Source** RFC 9457.
    package func appendProblem(requestID: RawSpan, to out: inout [UInt8]) {
        out.append(#"{"type":"about:blank","title":"#)
        out.appendJSONString(code)
        out.append(#","status":"#)
        out.appendDecimal(status)
        out.append(#","detail":"#)
        out.appendJSONString(message)
        out.append(#","code":"#)
        out.appendJSONString(code)
        appendCommon(requestID: requestID, to: &out)
        out.append("}")
    }

    private func appendCommon(requestID: RawSpan, to out: inout [UInt8]) {
        out.append(isRetryable ? #","retryable":true,"scope":"# : #","retryable":false,"scope":"#)
        out.appendJSONString(scope)
        out.append(#","request_id":"#)
        out.appendJSONString(requestID)
    }

    /// The code as OpenAI clients know it where they know one, ours otherwise.
    private var openAICode: String { code == "model-not-found" ? "model_not_found" : code }

    private var openAIType: String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 429: "rate_limit_error"
        case 400..<500: "invalid_request_error"
        default: "server_error"
        }
    }
}
