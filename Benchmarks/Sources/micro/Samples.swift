// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import MeshWire

/// What the benchmarks read: messages of the size and shape that an AI client sends.
enum Sample {
    /// The time that every benchmark begins at.
    static let now = Instant(nanoseconds: 3_600_000_000_000)

    /// A chat request of about 1 KB.
    static let chat = chatBody(contentBytes: 850, streams: false)
    /// The same for a stream.
    static let stream = chatBody(contentBytes: 850, streams: true)
    /// A chat request of about 256 KB.
    static let longChat = chatBody(contentBytes: 256 * 1024, streams: false)

    /// The head of a request with 12 fields and a body of `length` bytes.
    static func head(path: String = "/v1/chat/completions", length: Int) -> [UInt8] {
        Array(
            """
            POST \(path) HTTP/1.1\r
            Host: mesh.example.com\r
            User-Agent: OpenAI/Python 1.99.0\r
            Accept: application/json\r
            Accept-Encoding: gzip, deflate\r
            Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r
            Content-Type: application/json\r
            Content-Length: \(length)\r
            X-Stainless-Lang: python\r
            X-Stainless-Package-Version: 1.99.0\r
            X-Stainless-OS: Linux\r
            X-Stainless-Runtime: CPython\r
            Connection: keep-alive\r
            \r

            """.utf8)
    }

    /// The head of an answer with `length` bytes of JSON.
    static func answerHead(length: Int) -> [UInt8] {
        Array(
            """
            HTTP/1.1 200 OK\r
            date: Thu, 01 Jan 2026 00:00:00 GMT\r
            server: uvicorn\r
            content-type: application/json\r
            content-length: \(length)\r
            \r

            """.utf8)
    }

    /// The head of a streamed answer.
    static let streamHead = Array(
        """
        HTTP/1.1 200 OK\r
        date: Thu, 01 Jan 2026 00:00:00 GMT\r
        server: uvicorn\r
        content-type: text/event-stream; charset=utf-8\r
        transfer-encoding: chunked\r
        \r

        """.utf8)

    /// An answer of about 0.6 KB.
    static let answer = Array(
        """
        {"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1700000000,\
        "model":"mock-model-1","choices":[{"index":0,"message":{"role":"assistant","content":\
        "The quick brown fox jumps over the lazy dog, and the mesh counts its tokens on the way."},\
        "logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":230,\
        "completion_tokens":24,"total_tokens":254,"prompt_tokens_details":{"cached_tokens":128}},\
        "system_fingerprint":"mock"}
        """.utf8)

    /// One event of a stream, blank line and all.
    static let event = Array(
        """
        data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk",\
        "created":1700000000,"model":"mock-model-1","system_fingerprint":"mock","choices":\
        [{"index":0,"delta":{"content":" token and"},"logprobs":null,"finish_reason":null}]}


        """.utf8)

    /// The event that reports usage.
    static let usageEvent = Array(
        """
        data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk",\
        "created":1700000000,"model":"mock-model-1","choices":[],"usage":{"prompt_tokens":230,\
        "completion_tokens":64,"total_tokens":294}}


        """.utf8)

    /// What ends a stream.
    static let lastEvents = Array(
        """
        data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk",\
        "created":1700000000,"model":"mock-model-1","choices":[{"index":0,"delta":{},\
        "finish_reason":"stop"}]}

        data: [DONE]


        """.utf8)

    private static func chatBody(contentBytes: Int, streams: Bool) -> [UInt8] {
        let phrase = "The mesh routes every call to a model server, \\\"quoted\\\" or not. "
        let content = String(repeating: phrase, count: contentBytes / phrase.utf8.count + 1)
        return Array(
            """
            {"model":"mock-model","messages":[{"role":"system","content":"You are terse."},\
            {"role":"user","content":"\(content)"}],"temperature":0.7,"max_tokens":64\
            \(streams ? ",\"stream\":true" : "")}
            """.utf8)
    }
}
