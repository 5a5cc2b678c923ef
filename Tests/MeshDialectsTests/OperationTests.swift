// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import Testing

@Suite("Operations of the OpenAI API")
struct OperationTests {
    @Test(
        "a path names its operation, whatever stands in front of it",
        arguments: [
            ("/v1/chat/completions", Operation.chat),
            ("/openai/deployments/x/chat/completions", .chat),
            ("/chat/completions", .chat),
            ("/v1/completions", .textCompletion),
            ("/completions", .textCompletion),
            ("/v1/nochat/completions", .textCompletion),
            ("/v1/responses", .responses),
            ("/v1/embeddings", .embeddings),
            ("/rerank", .rerank), ("/v1/rerank", .rerank), ("/v2/rerank", .rerank),
            ("/tokenize", .tokenize), ("/detokenize", .tokenize),
            ("/v1/models", .models),
        ])
    func known(path: String, expected: Operation) {
        let path = Array(path.utf8)
        let found = Operation.openAI(path: path.span.bytes)
        #expect(found == expected)
    }

    @Test(
        "other paths name no operation",
        arguments: [
            "", "/", "models", "/v1/models/", "/v1/models/gpt", "/v1/Chat/Completion",
            "/v1/chat/completions/x", "/v1/responses/resp_1", "/v1/audio/speech", "/v1/modelss",
            "/v1/embedding", "/x-completions", "/v1/COMPLETIONS",
        ])
    func unknown(path: String) {
        let path = Array(path.utf8)
        let found = Operation.openAI(path: path.span.bytes)
        #expect(found == .none)
    }

    @Test("usage is asked for in streams of those operations only that need to be asked")
    func usage() {
        let asking: [Operation] = [.chat, .textCompletion]
        let reporting: [Operation] = [.chat, .textCompletion, .responses, .embeddings, .rerank]
        let all: [Operation] = [.none, .tokenize, .models] + reporting
        for operation in all {
            #expect(operation.asksForStreamUsage == asking.contains(operation))
            #expect(operation.hasUsage == reporting.contains(operation))
            #expect(operation.telemetryName.isEmpty == (operation == .none))
        }
    }
}
