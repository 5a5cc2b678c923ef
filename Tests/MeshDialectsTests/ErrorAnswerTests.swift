// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshDialects
import Testing

@Suite("Errors in the caller's tongue")
struct ErrorAnswerTests {
    private let requestID = Array("11111111-2222-4333-8444-555555555555".utf8)

    /// What a hostile name could bring into a message.
    private let message = "the model `\"},\n\t\u{1}é😀\\` is not offered"

    private func sample(_ status: Int, parameter: String? = nil) -> ErrorAnswer {
        ErrorAnswer(
            status: status, code: "some-code", message: message, isRetryable: status >= 500,
            scope: "upstream", parameter: parameter)
    }

    @Test("the OpenAI shape parses and carries every field")
    func openAI() throws {
        var out = Array("x".utf8)
        sample(503, parameter: "mod\"el").appendOpenAI(requestID: requestID.span.bytes, to: &out)
        #expect(out.removeFirst() == UInt8(ascii: "x"))
        let error = try #require(try object(out)["error"] as? [String: Any])
        #expect(error["message"] as? String == message)
        #expect(error["type"] as? String == "server_error")
        #expect(error["param"] as? String == "mod\"el")
        #expect(error["code"] as? String == "some-code")
        #expect(error["retryable"] as? Bool == true)
        #expect(error["scope"] as? String == "upstream")
        #expect(error["request_id"] as? String == String(decoding: requestID, as: UTF8.self))
        #expect(error.count == 7)
    }

    @Test("a parameter that is not at fault is null")
    func noParameter() throws {
        var out: [UInt8] = []
        sample(400).appendOpenAI(requestID: requestID.span.bytes, to: &out)
        let error = try #require(try object(out)["error"] as? [String: Any])
        #expect(error["param"] is NSNull)
        #expect(error["retryable"] as? Bool == false)
    }

    @Test(
        "the type is the one that OpenAI's clients know for the status",
        arguments: [
            (400, "invalid_request_error"), (401, "authentication_error"),
            (403, "permission_error"), (404, "not_found_error"), (413, "invalid_request_error"),
            (429, "rate_limit_error"), (500, "server_error"), (504, "server_error"),
        ])
    func types(status: Int, expected: String) throws {
        var out: [UInt8] = []
        sample(status).appendOpenAI(requestID: requestID.span.bytes, to: &out)
        let error = try #require(try object(out)["error"] as? [String: Any])
        #expect(error["type"] as? String == expected)
    }

    @Test("an unknown model has the code that OpenAI's clients look for")
    func modelCode() throws {
        var answer = sample(404)
        answer.code = "model-not-found"
        var out: [UInt8] = []
        answer.appendOpenAI(requestID: requestID.span.bytes, to: &out)
        let error = try #require(try object(out)["error"] as? [String: Any])
        #expect(error["code"] as? String == "model_not_found")
    }

    @Test("the problem document of RFC 9457 parses and carries every field")
    func problem() throws {
        var out: [UInt8] = []
        sample(502).appendProblem(requestID: requestID.span.bytes, to: &out)
        let problem = try object(out)
        #expect(problem["type"] as? String == "about:blank")
        #expect(problem["title"] as? String == "some-code")
        #expect(problem["status"] as? Int == 502)
        #expect(problem["detail"] as? String == message)
        #expect(problem["code"] as? String == "some-code")
        #expect(problem["retryable"] as? Bool == true)
        #expect(problem["scope"] as? String == "upstream")
        #expect(problem["request_id"] as? String == String(decoding: requestID, as: UTF8.self))
        #expect(problem.count == 8)
    }
}
