// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import MeshWire
import Testing

@Suite("Tongues that are answered and not read")
struct TongueTests {
    private func tongue(_ path: String) -> Tongue? {
        let bytes = Array(path.utf8)
        return Tongue(path: bytes.span.bytes)
    }

    @Test(
        "are told by the path",
        arguments: [
            ("/v1/messages", Tongue.anthropic), ("/proxy/v1/messages", .anthropic),
            ("/v1/messages/count_tokens", .anthropic), ("/v1/messages/batches", .anthropic),
            ("/v1beta/models/gemini-2.5-pro:generateContent", .gemini),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", .gemini),
            ("/v1/projects/p/locations/l/publishers/google/models/m:countTokens", .gemini),
            ("/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", .gemini),
            ("/v1/chat", .cohere), ("/v2/chat", .cohere), ("/v2/embed", .cohere),
            ("/model/anthropic.claude-v2:1/invoke", .bedrock), ("/model/m/converse", .bedrock),
            ("/model/m/converse-stream", .bedrock),
            ("/model/m/invoke-with-response-stream", .bedrock),
        ])
    func paths(path: String, expected: Tongue) { #expect(tongue(path) == expected) }

    @Test(
        "and nothing else is one",
        arguments: [
            "", "/", "/messages", "/v1/messages/", "/v1/messages/x", "/chat", "/v3/chat",
            "/models/m:delete", "/v1/things/m:generateContent", "/invoke", "/modelx/m/invoke",
            "/v1/chat/completions", ":generateContent", "/v1/models/m",
        ])
    func others(path: String) { #expect(tongue(path) == nil) }

    /// An error with everything hostile in it.
    private func answer(_ status: Int) -> ErrorAnswer {
        ErrorAnswer(
            status: status, code: "upstream-reset", message: "a \"b\" \n\u{1}é",
            isRetryable: true, scope: "upstream")
    }

    private func object(_ tongue: Tongue, _ status: Int = 502) throws -> [String: Any] {
        var out: [UInt8] = []
        let id = Array("id-1".utf8)
        answer(status).append(tongue, requestID: id.span.bytes, to: &out)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(out)) as? [String: Any])
    }

    @Test("each shape is JSON, carries the whole contract, and is read again as what it is")
    func contract() throws {
        for tongue in Tongue.allCases {
            let whole = try object(tongue)
            var holder = whole
            switch tongue {
            case .openAI, .anthropic: holder = try #require(whole["error"] as? [String: Any])
            case .gemini:
                let error = try #require(whole["error"] as? [String: Any])
                let details = try #require(error["details"] as? [[String: Any]])
                holder = try #require(details[0]["metadata"] as? [String: Any])
                holder["message"] = error["message"]
                #expect(details[0]["reason"] as? String == "UPSTREAM_RESET")
            case .plain, .cohere, .bedrock: break
            }
            #expect(holder["code"] as? String == "upstream-reset", "\(tongue)")
            #expect(holder["scope"] as? String == "upstream", "\(tongue)")
            let retryable = holder["retryable"]
            #expect(retryable as? Bool == true || retryable as? String == "true", "\(tongue)")
            let id = holder["request_id"] ?? whole["request_id"]
            #expect(id as? String == "id-1", "\(tongue)")
            let message = holder["message"] ?? holder["detail"]
            #expect(message as? String == "a \"b\" \n\u{1}é", "\(tongue)")
        }
    }

    @Test("each names the kind of error that its clients tell retries by")
    func kinds() throws {
        for (status, anthropic, google, bedrock) in [
            (400, "invalid_request_error", "INVALID_ARGUMENT", "ValidationException"),
            (401, "authentication_error", "UNAUTHENTICATED", "AccessDeniedException"),
            (403, "permission_error", "PERMISSION_DENIED", "AccessDeniedException"),
            (404, "not_found_error", "NOT_FOUND", "ResourceNotFoundException"),
            (413, "request_too_large", "INVALID_ARGUMENT", "ValidationException"),
            (429, "rate_limit_error", "RESOURCE_EXHAUSTED", "ThrottlingException"),
            (502, "api_error", "UNAVAILABLE", "ServiceUnavailableException"),
            (503, "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"),
            (504, "timeout_error", "DEADLINE_EXCEEDED", "ModelTimeoutException"),
        ] {
            let error = try object(.anthropic, status)
            #expect(error["type"] as? String == "error")
            #expect((error["error"] as? [String: Any])?["type"] as? String == anthropic)
            let rpc = try object(.gemini, status)["error"] as? [String: Any]
            #expect(rpc?["status"] as? String == google && rpc?["code"] as? Int == status)
            #expect(try object(.bedrock, status)["__type"] as? String == bedrock)
            #expect(answer(status).field(.bedrock) == "x-amzn-errortype: \(bedrock)\r\n")
            #expect(answer(status).field(.cohere) == nil)
        }
    }
}
