// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator

/// The surfaces that read and do not write: embeddings, rerank, tokenize.
extension ModelServerWorld {
    /// Answers `/v1/embeddings`.
    func embed(_ received: ReceivedRequest, _ reply: Reply) throws(OpenAIError) {
        let body = try received.json()
        let model = try known(try GenerationRequest.model(of: body))
        let inputs = try Embedding.inputs(of: body)
        let asked = try body.wholeNumber("dimensions", from: 1)
        let dimensions = asked ?? options.embeddingDimensions
        guard dimensions <= Limits.dimensionsMax else {
            throw .invalid("`dimensions` may be at most \(Limits.dimensionsMax)", "dimensions")
        }
        let format = body["encoding_format"]?.text ?? "float"
        guard ["float", "base64"].contains(format) else {
            throw .invalid("`encoding_format` must be `float` or `base64`", "encoding_format")
        }
        let tokens = inputs.reduce(0) { $0 + $1.count }
        let salt = StableHash.of(utf8: model, seed: options.seed)
        try afterReading(tokens, reply) {
            let data = inputs.enumerated().map { index, input -> JSON in
                let vector = Embedding.vector(of: input, dimensions: dimensions, salt: salt)
                return [
                    "object": "embedding", "index": .integer(index),
                    "embedding": format == "base64"
                        ? .string(Embedding.base64(vector))
                        : .array(vector.map { .number(Double($0)) }),
                ]
            }
            return [
                "object": "list", "data": .array(data), "model": .string(model),
                "usage": ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)],
            ]
        }
    }

    /// Answers `/v1/rerank`: the more words a document shares with the query, the higher it is.
    func rerank(_ received: ReceivedRequest, _ reply: Reply) throws(OpenAIError) {
        let body = try received.json()
        let model = try known(try GenerationRequest.model(of: body))
        guard let query = body["query"]?.text else {
            throw .invalid("`query` must be a string", "query")
        }
        guard let documents = body["documents"]?.elements, !documents.isEmpty,
            documents.count <= Limits.inputsMax
        else { throw .invalid("`documents` must be a list of 1 to 2048 texts", "documents") }
        let texts = documents.map { $0.text ?? $0["text"]?.text ?? "" }
        let count = try body.wholeNumber("top_n", from: 1) ?? texts.count
        let withText = body["return_documents"] != .boolean(false)
        let tokens = texts.reduce(Tokenizer.tokens(of: query).count) {
            $0 + Tokenizer.tokens(of: $1).count
        }
        let id = "rerank-" + identifier(received.number)
        try afterReading(tokens, reply) {
            let scores = texts.map { Embedding.relevance(of: $0, to: query) }
            let order = texts.indices.sorted {
                (scores[$1], $0) < (scores[$0], $1)
            }
            let results = order.prefix(count).map { index -> JSON in
                .members([
                    ("index", .integer(index)),
                    withText ? ("document", ["text": .string(texts[index])]) : nil,
                    ("relevance_score", .number(scores[index])),
                ])
            }
            return [
                "id": .string(id), "model": .string(model),
                "usage": ["prompt_tokens": .integer(tokens), "total_tokens": .integer(tokens)],
                "results": .array(results),
            ]
        }
    }

    /// Answers `/tokenize`, for a prompt or for messages.
    func tokenize(_ received: ReceivedRequest, _ reply: Reply) throws(OpenAIError) {
        let body = try received.json()
        if let model = body["model"]?.text { _ = try known(model) }
        let tokens: [UInt32]
        if let prompt = body["prompt"]?.text {
            tokens = Tokenizer.tokens(of: prompt)
        } else {
            tokens = try GenerationRequest.chat(body).tokens
        }
        reply.send(
            200,
            [
                "count": .integer(tokens.count),
                "max_model_len": .integer(options.profile.contextTokensMax),
                "tokens": .array(tokens.map { .integer(Int($0)) }),
            ])
    }

    /// Sends `body()` when the engine has read `tokens`.
    private func afterReading(
        _ tokens: Int, _ reply: Reply, _ body: @escaping () -> JSON
    ) throws(OpenAIError) {
        if engine.isCrashed { return reply.sever(isReset: true) }
        let job = try read(tokens) { failure in
            reply.onLoss = nil
            switch failure {
            case nil: reply.send(200, body())
            case .outOfMemory: reply.send(.outOfMemory)
            case .crashed, .reset: reply.sever(isReset: true)
            }
        }
        reply.onLoss = { [self] loss in
            if loss == .clientLeft { counters.cancelled += 1 }
            cancel([job])
        }
        turn()
    }
}
