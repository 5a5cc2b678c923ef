// SPDX-License-Identifier: Apache-2.0

import MeshDialects
import MeshWire
import Testing

@Suite("What an answer that is no success means")
struct ErrorClassTests {
    /// Error answers as servers write them, each with its class.
    static let answers: [(status: Int, body: String, kind: ErrorClass)] = [
        (500, "", .otherEndpoint), (502, "<html>", .otherEndpoint), (503, "{}", .otherEndpoint),
        (529, #"{"type":"error","error":{"type":"overloaded_error"}}"#, .otherEndpoint),
        (501, "", .otherTarget), (408, "", .sameEndpoint), (429, "", .otherEndpoint),
        (421, "", .sameEndpoint), (425, "", .sameEndpoint), (409, "", .otherEndpoint),
        (424, #"{"message":"model error"}"#, .otherEndpoint), (410, "", .otherTarget),
        (451, "", .otherTarget), (415, "", .never), (418, "", .never),
        (400, "", .never), (422, #"{"detail":"field required"}"#, .never), (405, "", .never),
        (401, #"{"error":{"code":"invalid_api_key"}}"#, .otherTarget),
        (402, "", .otherTarget), (403, #"{"error":{"message":"no access"}}"#, .otherTarget),
        (404, #"{"error":{"code":"model_not_found"}}"#, .otherTarget),
        (
            404, #"{"type":"error","error":{"type":"not_found_error","message":"model: x"}}"#,
            .otherTarget
        ),
        (
            400,
            #"{"error":{"message":"This model's maximum context length is 4096 tokens. "#
                + #"However, you requested 5000 tokens","type":"BadRequestError","code":400}}"#,
            .largerContext
        ),
        (
            400,
            #"{"object":"error","message":"This model's maximum context length is 8 tokens","#
                + #""type":"BadRequestError","code":400}"#, .largerContext
        ),
        (400, #"{"error":{"code":"context_length_exceeded","message":"x"}}"#, .largerContext),
        (
            400,
            #"{"error":{"code":400,"type":"exceed_context_size_error","message":"the request "#
                + #"exceeds the available context size"}}"#, .largerContext
        ),
        (
            400,
            #"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too "#
                + #"long: 201000 tokens > 200000 maximum"}}"#, .largerContext
        ),
        (413, #"{"error":{"type":"request_too_large"}}"#, .largerContext),
        (
            400, #"{"error":{"code":"content_filter","message":"ResponsibleAIPolicyViolation"}}"#,
            .never
        ),
        (400, #"{"error":{"code":"content_policy_violation"}}"#, .never),
        (403, #"{"error":{"type":"content_moderation"}}"#, .never),
        (
            400,
            #"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","#
                + #""status":"INVALID_ARGUMENT"}}]"#, .otherTarget
        ),
        (
            400,
            #"{"error":{"code":400,"message":"The input token count (1200000) exceeds the "#
                + #"maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            .largerContext
        ),
        (
            400, #"{"error":{"code":400,"message":"x","status":"FAILED_PRECONDITION"}}"#,
            .otherTarget
        ),
        (403, #"{"error":{"code":403,"status":"PERMISSION_DENIED"}}"#, .otherTarget),
        (400, #"{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}"#, .never),
        (
            400,
            #"{"__type":"com.amazon.coral.service#ThrottlingException","message":"Too many"}"#,
            .otherEndpoint
        ),
        (400, #"{"message":"Input is too long for requested model."}"#, .largerContext),
        (400, #"{"message":"The provided model identifier is invalid."}"#, .otherTarget),
        (
            400,
            #"{"message":"too many tokens: total number of tokens in the prompt cannot exceed "#
                + #"4081 - received 4292"}"#, .largerContext
        ),
        (404, #"{"error":"model 'llama9' not found, try pulling it first"}"#, .otherTarget),
        (
            422,
            #"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= "#
                + #"4096","error_type":"validation"}"#, .largerContext
        ),
        (
            422, #"{"error":"Input validation error: `top_p` must be > 0","error_type":"valid"}"#,
            .never
        ),
        (403, #"{"error":{"type":"overloaded_error"}}"#, .otherEndpoint),
        (400, #"{"error":{"code":"insufficient_quota"}}"#, .otherTarget),
        (400, #"{"error":{"code":"OperationNotSupported"}}"#, .never),
        (400, #"{"detail":[{"loc":["body"],"msg":"field required"}]}"#, .never),
        (400, "[]", .never), (400, "[{]", .never), (400, #"[{"error":{"code":"x"}}, 1"#, .never),
        (
            400, #"{"error":{"message":"temperature must be at most 2","param":"temperature"}}"#,
            .never
        ),
    ]

    @Test("is told by status and body", arguments: answers.indices)
    func classes(number: Int) {
        let (status, body, kind) = Self.answers[number]
        let bytes = Array(body.utf8)
        #expect(ErrorClass(status: status, body: bytes.span.bytes) == kind, "\(status) \(body)")
    }

    @Test("a body that decides is only waited for where it can")
    func dependence() {
        for (status, body, kind) in Self.answers {
            let bare = ErrorClass(status: status, body: nil)
            if bare != kind { #expect(ErrorClass.dependsOnBody(status), "\(status) \(body)") }
        }
    }

    @Test("a document is good, malformed, or a failure whatever its status says")
    func verdicts() {
        func verdict(_ status: Int, _ text: String) -> AnswerVerdict {
            let bytes = Array(text.utf8)
            return AnswerVerdict(status: status, document: bytes.span.bytes)
        }
        #expect(verdict(200, #"{"choices":[]}"#) == .good)
        #expect(verdict(200, " [1]\n") == .good)
        #expect(verdict(200, #"{"choices":[{"message":{"content":"\"error\":{"}}]}"#) == .good)
        #expect(verdict(200, #"{"error":null,"choices":[]}"#) == .good)
        for text in ["", "{", "}", "<html>", #"{"choices":[{"#, "null"] {
            #expect(verdict(200, text) == .malformed, "\(text)")
        }
        #expect(verdict(200, #"{"error":{"code":503}}"#) == .failed(.otherEndpoint))
        #expect(verdict(200, #"{"error":"worker died"}"#) == .failed(.otherEndpoint))
        #expect(
            verdict(200, #"{"error":{"code":"context_length_exceeded"}}"#)
                == .failed(.otherEndpoint))
        #expect(
            verdict(200, #"{"error":{"code":400,"type":"exceed_context_size_error"}}"#)
                == .failed(.largerContext))
        #expect(verdict(400, "{}") == .failed(.never))
    }
}
