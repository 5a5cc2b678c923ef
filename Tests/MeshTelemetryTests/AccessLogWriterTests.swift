// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshTelemetry
import Testing

@Suite("Access lines")
struct AccessLogWriterTests {
    /// What a caller sent, as bytes.
    struct Sent {
        var method = Array("POST".utf8)
        var host = Array("api.example.com".utf8)
        var path = Array("/v1/chat/completions".utf8)
        var query: [UInt8] = []
        var client = Array("10.1.2.3:5000".utf8)
        var userAgent = Array("agent/1.0".utf8)
        var requestID: [UInt8] = []
    }

    private func bytes(_ record: ExchangeRecord, _ sent: Sent = Sent()) -> [UInt8] {
        var writer = AccessLogWriter()
        var out: [UInt8] = []
        writer.append(
            record, method: sent.method.span.bytes, host: sent.host.span.bytes,
            path: sent.path.span.bytes, query: sent.query.span.bytes,
            client: sent.client.span.bytes,
            userAgent: sent.userAgent.span.bytes, requestID: sent.requestID.span.bytes, to: &out)
        return out
    }

    private func line(_ record: ExchangeRecord, _ sent: Sent = Sent()) -> String {
        String(decoding: bytes(record, sent), as: UTF8.self)
    }

    private func object(_ bytes: [UInt8]) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(bytes))
        return try #require(value as? [String: Any])
    }

    @Test("a chat line has every field in the documented order")
    func chatLine() {
        let expected = """
            {"time":"2026-05-28T20:26:40.012Z",\
            "request_id":"01234567-89ab-4def-8fed-cba987654321",\
            "trace_id":"0af7651916cd43dd8448eb211c80319c","method":"POST",\
            "host":"api.example.com","path":"/v1/chat/completions","status":200,\
            "duration_ms":4120.000,"connect_ms":0.250,"ttfb_ms":100.000,"ttft_ms":120.000,\
            "bytes_in":1024,"bytes_out":612,"route":"chat","backend":"pool",\
            "endpoint":"10.0.0.1:8000","attempts":1,"model":"llama",\
            "upstream_model":"meta/Llama-3","operation":"chat","stream":true,"tokens_in":812,\
            "tokens_out":201,"tokens_cached":512,"tokens_reasoning":7,\
            "client":"10.1.2.3:5000","user_agent":"agent/1.0","snapshot":42}

            """
        #expect(line(Samples.chat()) == expected)
    }

    @Test("cost, currency and the limit that said no stand in their places")
    func limited() {
        var record = Samples.chat()
        record.cost = Cost(trillionths: 242_400_000, currency: .usd)
        #expect(
            line(record).contains(
                #""tokens_reasoning":7,"cost":0.0002424,"currency":"USD","client""#))
        record.cost = Cost(trillionths: 3_000_000_000_000, currency: .usd)
        #expect(line(record).contains(#","cost":3,"currency""#))
        record.cost = Cost(trillionths: .max, currency: .usd)
        #expect(line(record).contains(#","cost":18446744.073709551615,"currency""#))
        record.limit = "default/team/daily"
        record.refusal = "token-limit"
        record.fault = .limit
        #expect(
            line(record).contains(
                #""error_code":"token-limit","error_scope":"limit","limit":"default/team/daily","#))
        record.flags = [.limitAudited]
        #expect(line(record).contains(#""limit":"default/team/daily","limit_audited":true,"#))
        record.limit = nil
        record.accessRule = "default/p/r"
        record.flags = [.accessAudited]
        #expect(line(record).contains(#""access_rule":"default/p/r","access_audited":true,"#))
    }

    @Test("a receipt says each place that labelled data went to")
    func receipt() {
        var record = Samples.plain()
        let first = ResidencyReceipt.Hop(
            kind: .first, backend: "default/b", endpoint: "10.0.0.1:80", region: "eu-1",
            jurisdiction: "EU, DE", provider: "vllm", attestation: "e\"1")
        let copy = ResidencyReceipt.Hop(kind: .mirror, backend: "default/m", endpoint: "[::1]:80")
        record.residency = ResidencyReceipt(
            labels: ["phi", "pii"], policies: ["default/p@1", "default/q@2"])
        record.residency = record.residency?.adding(first)?.adding(copy)?
            .sent(to: first.endpoint, of: first.backend)
        #expect(
            line(record).contains(
                """
                ,"residency":{"labels":["phi","pii"],"policies":["default/p@1","default/q@2"],\
                "hops":[{"kind":"first","backend":"default/b","endpoint":"10.0.0.1:80",\
                "region":"eu-1","jurisdiction":"EU, DE","provider":"vllm",\
                "attestation":"e\\"1","sent":true},\
                {"kind":"mirror","backend":"default/m","endpoint":"[::1]:80","sent":true}]},
                """))
    }

    @Test("of two attempts at once it is known which one went out")
    func race() {
        let first = ResidencyReceipt.Hop(
            kind: .first, backend: "default/b", endpoint: "10.0.0.1:80")
        let second = ResidencyReceipt.Hop(
            kind: .hedge, backend: "default/b", endpoint: "10.0.0.2:80")
        let receipt = ResidencyReceipt(labels: ["phi"], policies: [], hops: [first, second])
        let sent = receipt.sent(to: first.endpoint, of: first.backend)
        #expect(sent.hops.map(\.wasSent) == [true, false])
        #expect(receipt.sent(to: first.endpoint, of: "default/a").hops == receipt.hops)
    }

    @Test("what became of a second attempt is told, and what was told in vain")
    func hedge() {
        var record = Samples.plain()
        record.flags = [.hedged]
        record.hedge = .tookOver
        #expect(line(record).contains(#""hedged":true,"hedge":"took_over","client""#))
        record.hedge = .lost
        record.tokensLeft = 12
        #expect(line(record).contains(#""hedged":true,"hedge":"lost","tokens_left":12,"#))
    }

    @Test("a receipt is bounded, and the longest one is written whole")
    func longestReceipt() throws {
        let long = String(repeating: "\u{1}", count: 600)
        let hop = ResidencyReceipt.Hop(
            kind: .fallback, backend: long, endpoint: long, region: long, jurisdiction: long,
            provider: long, attestation: long)
        var receipt = ResidencyReceipt(
            labels: Array(repeating: long, count: 64), policies: Array(repeating: long, count: 64))
        while let more = receipt.adding(hop) { receipt = more }
        #expect(receipt.hops.count == 48)
        var record = Samples.chat()
        record.residency = receipt
        let written = try object(bytes(record))["residency"] as? [String: Any]
        let found = try #require(written)
        #expect((found["labels"] as? [String])?.count == 64)
        #expect((found["hops"] as? [[String: Any]])?.count == 48)
        #expect((found["hops"] as? [[String: Any]])?.last?["sent"] as? Bool == false)
    }

    @Test("a plain line leaves out what is not known")
    func plainLine() {
        var record = Samples.plain()
        record.route = nil
        record.endpoint = nil
        var sent = Sent()
        sent.userAgent = []
        let text = line(record, sent)
        for key in ["route", "endpoint", "user_agent", "model", "stream", "tokens_in", "ttft_ms"] {
            #expect(!text.contains("\"\(key)\""))
        }
        #expect(text.contains("\"duration_ms\":1.834,"))
    }

    @Test("a refusal names its code and whose fault it was", arguments: FaultScope.allCases)
    func refusal(scope: FaultScope) {
        var record = Samples.plain()
        record.refusal = "budget-exhausted"
        record.fault = scope
        record.flags = [.truncated, .clientAborted, .usageMissing, .fallback]
        let text = line(record)
        #expect(
            text.contains(
                "\"error_code\":\"budget-exhausted\",\"error_scope\":\"\(scope)\","
                    + "\"fallback\":true,\"truncated\":true,\"client_aborted\":true,"
                    + "\"usage_missing\":true,\"client\""))
    }

    @Test("a caller's own request id is written when it was kept")
    func ownRequestID() {
        var sent = Sent()
        sent.requestID = Array("req-\"7\"".utf8)
        #expect(line(Samples.plain(), sent).contains("\"request_id\":\"req-\\\"7\\\"\""))
    }

    @Test("the query stands in the line only when it is handed in")
    func query() throws {
        var sent = Sent()
        sent.path = Array("/search?token=a".utf8)
        let record = Samples.plain()
        #expect(!line(record, sent).contains("token"))
        sent.query = Array("q=\"x\"&n=1".utf8)
        let object = try object(bytes(record, sent))
        #expect(object["query"] as? String == "q=\"x\"&n=1")
    }

    @Test(
        "no secret of a target or host is written",
        arguments: [
            ("/v1/models?api_key=CANARY", "/v1/models"), ("/a#CANARY", "/a"),
            ("/a?x#CANARY", "/a"), ("/a#x?CANARY", "/a"), ("?CANARY", nil),
            ("https://user:CANARY@host/path?x=1", "/path"), ("https://host?CANARY/x", nil),
            ("https://CANARY@host", nil), ("user:CANARY@host:443", nil), ("us?er:CANARY@host", nil),
            ("http:CANARY@host/", nil), ("host:443", "host:443"), ("*", "*"), ("", nil),
        ])
    func secrets(target: String, path: String?) throws {
        var sent = Sent()
        sent.path = Array(target.utf8)
        sent.host = Array("CANARY:CANARY@example.com".utf8)
        let bytes = bytes(Samples.chat(), sent)
        #expect(!String(decoding: bytes, as: UTF8.self).contains("CANARY"))
        let object = try object(bytes)
        #expect(object["path"] as? String == path)
        #expect(object["host"] as? String == "example.com")
    }

    @Test("nothing that a caller sends can leave its string", arguments: [UInt64](1...40))
    func injection(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        func noise(_ length: Int) -> [UInt8] {
            // Half of the bytes come from a list of the awkward ones.
            let awkward =
                Array("\"\\\n\r\t\u{0}\u{1B}{},:\u{7F}".utf8) + [
                    0xC2, 0x9B, 0xE2, 0x80, 0xA8, 0xAE, 0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0xFF,
                    0xC0,
                ]
            return (0..<length).map { _ in
                random.below(2) == 0
                    ? awkward[random.below(awkward.count)]
                    : UInt8(truncatingIfNeeded: random.next())
            }
        }
        var sent = Sent()
        sent.method = noise(random.below(30))
        sent.userAgent = noise(random.below(400))
        sent.path = Array("/".utf8) + noise(random.below(1_500)).filter { $0 != 0x3F && $0 != 0x23 }
        sent.client = noise(random.below(60))
        sent.requestID = noise(random.below(200))
        var record = Samples.chat()
        record.model = String(decoding: noise(100), as: UTF8.self)
        let bytes = bytes(record, sent)
        #expect(bytes.count { $0 == 0x0A } == 1, "seed \(seed)")
        #expect(bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A }, "seed \(seed)")
        let text = try #require(String(validating: bytes, as: UTF8.self), "seed \(seed)")
        let isShown = text.unicodeScalars.contains {
            (0x80...0x9F).contains($0.value) || (0x202A...0x202E).contains($0.value)
        }
        #expect(!isShown, "seed \(seed)")
        let object = try object(bytes)
        #expect(object["status"] as? Int == 200, "seed \(seed)")
        #expect(object["snapshot"] as? Int == 42, "seed \(seed)")
        let method = String(decoding: sent.method, as: UTF8.self)
        if !sent.method.isEmpty, String(validating: sent.method, as: UTF8.self) != nil {
            #expect(object["method"] as? String == method, "seed \(seed)")
        }
        if let model = object["model"] as? String {
            #expect(model == record.model, "seed \(seed)")
        }
    }

    @Test("each byte at each place of a word comes back, and control bytes never as themselves")
    func everyByte() throws {
        for byte in 0...UInt8.max {
            for place in 0..<17 {
                var sent = Sent()
                sent.userAgent = Array("abcdefghijklmnopq".utf8)
                sent.userAgent[place] = byte
                let bytes = bytes(Samples.plain(), sent)
                #expect(bytes.allSatisfy { 0x20..<0x7F ~= $0 || $0 == 0x0A }, "\(byte)")
                let agent = try object(bytes)["user_agent"] as? String
                #expect(agent == String(decoding: sent.userAgent, as: UTF8.self), "\(byte)")
            }
        }
    }

    @Test("the longest possible line fits its bound and is whole")
    func longest() throws {
        let many = [UInt8](repeating: 0xFF, count: 70_000)
        let name = String(repeating: "\u{1B}", count: 9_000)
        var sent = Sent()
        sent.method = many
        sent.host = many
        sent.path = many
        sent.path[0] = UInt8(ascii: "/")
        sent.client = many
        sent.userAgent = many
        sent.requestID = many
        var record = Samples.chat()
        record.route = name
        record.backend = name
        record.endpoint = name
        record.model = name
        record.upstreamModel = name
        record.refusal = "budget-exhausted"
        record.fault = .upstream
        record.flags = ExchangeFlags(rawValue: .max)
        record.total = Nanoseconds(.max)
        record.bytesIn = .max
        record.tokens = TokenCounts(
            input: .max, output: .max, cachedInput: .max, reasoningOutput: .max)
        let bytes = bytes(record, sent)
        #expect(bytes.count <= Limits.accessLineBytes)
        #expect(bytes.count > 6 * Limits.loggedPathBytes)
        let object = try object(bytes)
        #expect((object["path"] as? String)?.count == Limits.loggedPathBytes)
        #expect((object["model"] as? String)?.count == Limits.loggedTextBytes)
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.contains("\"tokens_in\":18446744073709551615,"))
    }

    @Test("a long text is cut between characters")
    func cutBetweenCharacters() throws {
        var sent = Sent()
        sent.userAgent = Array("x".utf8) + Array(String(repeating: "😀", count: 100).utf8)
        let agent = try object(bytes(Samples.plain(), sent))["user_agent"] as? String
        #expect(agent == "x" + String(repeating: "😀", count: 63))
    }

    @Test("the time of each line is its own although a second's text is kept")
    func times() {
        var writer = AccessLogWriter()
        var out: [UInt8] = []
        let none: [UInt8] = []
        for nanoseconds: Int64 in [0, 1_999_999, 999_999_999, 1_000_000_000, 999_000_000, -5] {
            var record = Samples.plain()
            record.startedAt = WallTime(nanoseconds: nanoseconds)
            writer.append(
                record, method: none.span.bytes, host: none.span.bytes, path: none.span.bytes,
                query: none.span.bytes,
                client: none.span.bytes, userAgent: none.span.bytes, requestID: none.span.bytes,
                to: &out)
        }
        let text = String(decoding: out, as: UTF8.self)
        let times = text.split(separator: "\n").map { $0.dropFirst(9).prefix(24) }
        #expect(
            times == [
                "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.001Z",
                "1970-01-01T00:00:00.999Z", "1970-01-01T00:00:01.000Z",
                "1970-01-01T00:00:00.999Z", "1970-01-01T00:00:00.000Z",
            ])
    }

    @Test("numbers of every length are written in full")
    func numbers() throws {
        var random = SplitMix64(seed: 3)
        var values: [UInt64] = [0, 9, 10, 99, 100, .max, .max - 1, 10_000_000_000_000_000_000]
        for _ in 0..<200 { values.append(random.next() >> UInt64(random.below(64))) }
        for value in values {
            var record = Samples.plain()
            record.bytesIn = value
            #expect(line(record).contains("\"bytes_in\":\(value),"), "seed 3")
        }
    }
}
