// SPDX-License-Identifier: Apache-2.0

import MeshEngines
import MeshPolicy
import MeshSnapshot
import MeshWire
import Testing

@Suite("The data API of OPA")
struct OPATests {
    private func outcome(_ body: String, status: Int = 200) -> EngineOutcome {
        OPA.outcome(status: status, body: bytes(body).span.bytes)
    }

    @Test("a document holds the facts by their names, and the fields of the head")
    func document() throws {
        let question = OPA.question(
            path: bytes("/v1/data/mesh/allow"),
            facts: [
                ("source.address", .string("10.0.0.1")), ("source.key.id", .string("k")),
                ("source.key.scopes", .list([.string("chat")])),
                ("request.method", .string("PO\"ST")),
                ("request.size", .int(12)), ("ai.stream", .bool(true)),
                ("ai.max_tokens", .int(-1)), ("ai.ratio", .double(.nan)),
            ],
            headers: [.init(name: "x-team", value: "a"), .init(name: "cookie", value: "b; c")])
        let text = String(decoding: question.bytes(authority: bytes("opa:8181")), as: UTF8.self)
        #expect(text.hasPrefix("POST /v1/data/mesh/allow HTTP/1.1\r\nhost: opa:8181\r\n"))
        #expect(text.contains("content-type: application/json\r\n"))
        let body = try #require(question.body)
        #expect(text.contains("content-length: \(body.count)\r\n\r\n"))
        let wanted =
            #"{"input":{"source":{"address":"10.0.0.1","key":{"id":"k","#
            + #""scopes":["chat"]}},"request":{"method":"PO\"ST","#
            + #""size":12,"headers":{"x-team":"a","cookie":"b; c"}},"#
            + #""ai":{"stream":true,"max_tokens":-1,"ratio":"NaN"}}}"#
        #expect(String(decoding: body, as: UTF8.self) == wanted)
        #expect(throws: Never.self) { try JSONGrammar.validate(body.span.bytes) }
    }

    @Test("a boolean is a verdict, and what is not defined is a no")
    func plain() {
        #expect(outcome(#"{"result": true}"#) == .answered(EngineAnswer(allows: true)))
        #expect(outcome(#"{"result":false}"#) == .answered(EngineAnswer(allows: false)))
        for text in ["{}", #"{"decision_id":"x"}"#] {
            guard case .answered(let answer) = outcome(text) else {
                Issue.record("\(text) is no failure that could be taken for a yes")
                continue
            }
            #expect(!answer.allows && answer.reason != nil)
        }
    }

    @Test("an object says why, and what is to be changed")
    func object() {
        let yes = outcome(
            #"{"result":{"allow":true,"headers":{"X-User":"ann","x-many":["1","2"]},"#
                + #""request_headers_to_remove":["Authorization"],"#
                + #""response_headers_to_add":[{"x-policy":"v1"}]}}"#)
        let wanted = EngineAnswer(
            allows: true,
            requestEdits: [
                .remove(name: bytes("authorization")),
                .set(name: bytes("x-user"), value: bytes("ann")),
                .set(name: bytes("x-many"), value: bytes("1")),
                .add(name: bytes("x-many"), value: bytes("2")),
            ], answerEdits: [.set(name: bytes("x-policy"), value: bytes("v1"))])
        #expect(yes == .answered(wanted))
        let no = outcome(
            #"{"result":{"allowed":false,"http_status":429,"reason":["too  many","\nat once"],"#
                + #""headers":{"retry-after":"7"}}}"#)
        #expect(
            no
                == .answered(
                    EngineAnswer(
                        allows: false, status: 429, reason: "too many; at once",
                        answerEdits: [.set(name: bytes("retry-after"), value: bytes("7"))])))
        // As policies for OPA's Envoy plugin have it.
        let plugin = outcome(#"{"result":{"allowed":false,"body":"no","http_status":200}}"#)
        #expect(plugin == .answered(EngineAnswer(allows: false, reason: "no")))
    }

    @Test(
        "what is no verdict is no answer",
        arguments: [
            "", "[]", "true", #"{"result":1}"#, #"{"result":null}"#, #"{"result":"true"}"#,
            #"{"result":{}}"#, #"{"result":{"allow":"true"}}"#, #"{"result":{"allow":1}}"#,
            #"{"result":{"allow":true,"allowed":false}}"#, #"{"result":true,"result":false}"#,
            #"{"result":{"allow":true,"allow":false}}"#, #"{"result":{"allow":true}}x"#,
            #"{"result":{"allow":true,"headers":{"a b":"c"}}}"#,
            #"{"result":{"allow":true,"headers":{"a":"b\r\nx: y"}}}"#,
            #"{"result":{"allow":true,"headers":["a"]}}"#,
            #"{"result":{"allow":false,"http_status":99}}"#,
            #"{"result":{"allow":false,"reason":{"a":1}}}"#,
        ])
    func malformed(body: String) {
        #expect(outcome(body) == .failed(.malformed))
    }

    @Test("an error of the server is a failure", arguments: [400, 404, 500, 503, 204])
    func failed(status: Int) {
        #expect(outcome(#"{"result":true}"#, status: status) == .failed(.failed))
    }

    @Test("nobody can set more than a head has room for, or what decides where it goes")
    func bounds() {
        let closed = ["host", "content-length", "Transfer-Encoding", "x-forwarded-for", "te"]
        let fields = closed.map { #""\#($0)":"x""# }.joined(separator: ",")
        #expect(
            outcome(#"{"result":{"allow":true,"headers":{\#(fields)}}}"#)
                == .answered(EngineAnswer(allows: true)))
        let many = (0..<80).map { #""x-\#($0)":"x""# }.joined(separator: ",")
        #expect(
            outcome(#"{"result":{"allow":true,"headers":{\#(many)}}}"#) == .failed(.malformed))
        let long = String(repeating: "y", count: 20_000)
        #expect(
            outcome(#"{"result":{"allow":true,"headers":{"x":"\#(long)"}}}"#)
                == .failed(.malformed))
    }
}

/// The bytes of `text`.
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
