// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshSimulator
import Testing

@testable import MeshModelServer

/// The surfaces that do not write text.
struct SurfaceTests {
    @Test("embeddings are unit vectors, the same in both formats")
    func embeddings() async throws {
        try await withServer { client, _ in
            let inputs: JSON = ["the river", "the river bank", "zebra"]
            let body: JSON = ["model": "tiny", "input": inputs, "dimensions": 32]
            let floats = try await client.post("/v1/embeddings", body).json
            let vectors = (floats["data"]?.elements ?? []).map { item in
                (item["embedding"]?.elements ?? []).map { value -> Double in
                    if case .number(let number) = value { number } else { Double(value.whole ?? 9) }
                }
            }
            #expect(vectors.map(\.count) == [32, 32, 32])
            for vector in vectors {
                #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
            }
            func cosine(_ a: Int, _ b: Int) -> Double {
                zip(vectors[a], vectors[b]).reduce(0) { $0 + $1.0 * $1.1 }
            }
            #expect(cosine(0, 1) > cosine(0, 2) + 0.2)
            let same: JSON = [
                "model": "tiny", "input": inputs, "dimensions": 32, "encoding_format": "base64",
            ]
            let encoded = try await client.post("/v1/embeddings", same).json
            let text = encoded["data"]?.elements?.first?["embedding"]?.text ?? ""
            let data = try #require(Data(base64Encoded: text))
            let first = data.withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
            #expect(data.count == 128)
            #expect(abs(Double(first) - vectors[0][0]) < 1e-7)
            #expect(encoded["usage"]?["prompt_tokens"]?.whole == 6)
        }
    }

    @Test(
        "base 64 is that of RFC 4648",
        arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64(text: String) {
        #expect(Embedding.base64(Array(text.utf8)) == Data(text.utf8).base64EncodedString())
    }

    @Test("rerank puts the document with the query's words first")
    func rerank() async throws {
        try await withServer { client, _ in
            let body: JSON = [
                "model": "tiny", "query": "old mill", "top_n": 2,
                "documents": ["a clock", "the old mill", ["text": "an old tower"]],
            ]
            let answer = try await client.post("/v1/rerank", body).json
            let order = (answer["results"]?.elements ?? []).compactMap { $0["index"]?.whole }
            #expect(order == [1, 2])
        }
    }

    @Test("tokenize counts what chat counts")
    func tokenize() async throws {
        try await withServer { client, _ in
            let counted = try await client.post("/tokenize", chat()).json["count"]?.whole
            let usage = try await client.post("/v1/chat/completions", chat()).json["usage"]
            #expect(counted == usage?["prompt_tokens"]?.whole)
            let prompt: JSON = ["model": "tiny", "prompt": "hello big world"]
            #expect(try await client.post("/tokenize", prompt).json["count"] == 3)
        }
    }

    @Test("models are listed and looked up, also with an escaped slash")
    func models() async throws {
        try await withServer { client, _ in
            let list = try await client.get("/v1/models").json["data"]?.elements ?? []
            #expect(list.compactMap { $0["id"]?.text } == ["tiny", "org/large"])
            for path in ["/v1/models/org/large", "/v1/models/org%2Flarge"] {
                #expect(try await client.get(path).json["id"]?.text == "org/large")
            }
            #expect(try await client.get("/v1/models/none").status == 404)
        }
    }

    @Test("the metrics page is well-formed and names what vLLM names")
    func metrics() async throws {
        try await withServer { client, _ in
            _ = try await client.post("/v1/chat/completions", chat("x", ("max_tokens", 9)))
            let page = try await client.get("/metrics").body
            for name in [
                "vllm:num_requests_running", "vllm:num_requests_waiting",
                "vllm:kv_cache_usage_perc", "vllm:prefix_cache_queries_total",
                "vllm:prefix_cache_hits_total", "vllm:prompt_tokens_total",
                "vllm:generation_tokens_total", "vllm:request_success_total",
                "vllm:time_to_first_token_seconds_bucket", "vllm:cache_config_info",
            ] {
                #expect(page.contains("\n\(name){"), "\(name)")
            }
            let labels = "{engine=\"0\",model_name=\"tiny\"}"
            #expect(page.contains("vllm:generation_tokens_total\(labels) 9.0\n"))
            #expect(page.contains("vllm:time_to_first_token_seconds_count\(labels) 1.0\n"))
            #expect(page.contains("block_size=\"16\""))
            for line in page.split(separator: "\n") where !line.hasPrefix("#") {
                let value = line.split(separator: " ").last.flatMap { Double($0) }
                #expect(value != nil, "\(line)")
                #expect(line.contains("{") && line.contains("} "), "\(line)")
            }
        }
    }

    @Test("the last requests are shown as they came")
    func requests() async throws {
        try await withServer { client, _ in
            for number in 0..<5 {
                let headers = [("X-Trace", "\(number)"), ("x-two", "a"), ("X-Two", "b")]
                _ = try await client.post("/v1/chat/completions", chat("no \(number)"), headers)
            }
            let shown = try await client.get("/sim/requests?last=2").json.elements ?? []
            #expect(shown.count == 2)
            #expect(shown.last?["method"]?.text == "POST")
            #expect(shown.last?["path"]?.text == "/v1/chat/completions")
            #expect(shown.last?["headers"]?["x-trace"]?.text == "4")
            #expect(shown.last?["headers"]?["x-two"]?.text == "a, b")
            #expect(shown.last?["body"]?.text?.contains("no 4") == true)
            _ = try await client.get("/health")
            let chats = try await client.get("/sim/requests?last=99&path=/v1/").json.elements
            #expect(chats?.count == 5)
        }
    }
}
