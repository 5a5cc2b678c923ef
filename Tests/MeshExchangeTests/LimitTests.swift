// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshExchange
import MeshLimits
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Requests that meet limits")
struct LimitTests {
    private let path = "/v1/chat/completions"
    private let json = "content-type: application/json\r\ncontent-length: 99\r\n"

    /// A mesh with one model under `limits`: those of `rule` on its rule, the others on the model.
    private func drive(
        _ limits: [Limit], rule: [LimitID]? = nil, fallbacks: Int = 0,
        retry: RetryPolicy = RetryPolicy(attempts: 1)
    ) -> Drive {
        let drive = Drive(sample(limits, rule: rule, fallbacks: fallbacks, retry: retry))
        drive.exchange.peer = bytes("192.0.2.7")
        return drive
    }

    private func sample(
        _ limits: [Limit], rule: [LimitID]? = nil, fallbacks: Int = 0,
        retry: RetryPolicy = RetryPolicy(attempts: 1)
    ) -> SnapshotSample {
        var sample = SnapshotSample.model(fallbacks: fallbacks, retry: retry)
        sample.usageLimits = limits
        let all = limits.indices.map { LimitID($0) }
        let ofRule = rule ?? all
        sample.rules[0].limits = ofRule
        sample.models[0].limits = all.filter { !ofRule.contains($0) }
        sample.models[0].targets[0].price = Price(
            input: 1_000_000, output: 2_000_000, cachedInput: 100_000, currency: .usd)
        return sample
    }

    private func limit(
        _ unit: Limit.Unit, _ amount: Int64, per seconds: Int64 = 60, key: [Limit.KeyPart] = [],
        isAudit: Bool = false, name: String = "l"
    ) -> Limit {
        Limit(
            policy: "default/team", name: name, unit: unit, amount: amount,
            period: .seconds(seconds), key: key, isAudit: isAudit)
    }

    /// One answer from the endpoint that used so many tokens.
    private func finish(_ drive: Drive, input: Int = 5, output: Int = 6) throws {
        drive.sent()
        try drive.answered(200, json)
        drive.came(
            #"{"usage":{"prompt_tokens":\#(input),"completion_tokens":\#(output)}}"#,
            isLast: true)
        drive.ended()
    }

    private func error(_ drive: Drive) throws -> [String: Any] {
        let data = Data(drive.written.afterHead.utf8)
        let whole = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        return try #require(whole["error"] as? [String: Any])
    }

    private func left(_ drive: Drive, _ id: Int = 0) -> Int64? {
        drive.shard.ledger.statistics(at: drive.now)[id].level
    }

    @Test("a request beyond the limit is refused with code, reason and time")
    func refused() throws {
        let drive = drive([limit(.requests, 2)])
        for remaining in [1, 0] {
            #expect(try drive.post(path, #"{"model":"small"}"#).dispatch != nil)
            try finish(drive)
            #expect(drive.written.field("x-ratelimit-limit-requests") == "2")
            #expect(drive.written.field("x-ratelimit-remaining-requests") == "\(remaining)")
            #expect(drive.written.field("x-ratelimit-reset-tokens") == nil)
            #expect(drive.unsettled == nil)
        }
        let step = try drive.post(path, #"{"model":"small"}"#)
        #expect(step.isDone && drive.refusal == "request-limit" && drive.keepsAlive)
        #expect(drive.written.startLine == "HTTP/1.1 429 Too Many Requests")
        #expect(drive.written.field("retry-after") == "30")
        #expect(drive.written.field("x-ratelimit-remaining-requests") == "0")
        #expect(drive.written.field("x-ratelimit-reset-requests") == "1m0s")
        let error = try error(drive)
        #expect(error["code"] as? String == "request-limit")
        #expect(error["type"] as? String == "rate_limit_error")
        #expect(error["scope"] as? String == "limit" && error["retryable"] as? Bool == true)
        let message = try #require(error["message"] as? String)
        for part in ["limit l of LimitPolicy default/team", "2 requests per 1m0s", "in 30s"] {
            #expect(message.contains(part), "\(message)")
        }
        #expect(drive.record.limit == "default/team/l" && drive.record.attempts == 0)
        #expect(drive.unsettled == nil)
        drive.wait(.seconds(30))
        #expect(try drive.post(path, #"{"model":"small"}"#).dispatch != nil)
    }

    @Test("tokens are reserved by estimate and settled by what was used")
    func tokens() throws {
        let drive = drive([limit(.tokens, 10_000, per: 3_600)])
        let messages = #"[{"role":"user","content":"0123456789"}]"#
        // The value of `messages` has 40 bytes: 10 tokens, and 100 for the answer.
        try drive.post(path, #"{"model":"small","messages":\#(messages),"max_tokens":100}"#)
        #expect(messages.utf8.count == 40 && left(drive) == 9_890)
        try finish(drive, input: 12, output: 30)
        #expect(left(drive) == 9_958 && drive.unsettled == nil)
        #expect(drive.written.field("x-ratelimit-limit-tokens") == "10000")
        #expect(drive.written.field("x-ratelimit-remaining-tokens") == "9890")
    }

    @Test(
        "the most that a caller allows counts for each answer that it asks for",
        arguments: [
            (#"{"model":"small"}"#, 512), (#"{"model":"small","max_tokens":7}"#, 7),
            (#"{"model":"small","max_tokens":7,"max_completion_tokens":9}"#, 9),
            (#"{"model":"small","max_tokens":7,"n":3}"#, 21),
            (#"{"model":"small","max_tokens":7,"n":3,"best_of":4}"#, 28),
            (#"{"model":"small","messages":[1,2,3,4]}"#, 515),
            (#"{"model":"small","max_tokens":9223372036854775807,"n":9}"#, 100_000),
        ])
    func estimates(body: String, expected: Int64) throws {
        let drive = drive([limit(.tokens, 100_000, per: 3_600)])
        try drive.post(path, body)
        #expect(left(drive) == 100_000 - expected)
        drive.gone()
        #expect(left(drive) == 100_000 && drive.unsettled == nil)
    }

    @Test("embeddings are charged for what is read only")
    func embeddings() throws {
        let drive = drive([limit(.tokens, 1_000, per: 3_600)])
        try drive.post("/v1/embeddings", #"{"model":"small","input":"0123456789012345"}"#)
        #expect(left(drive) == 995)
    }

    @Test("a stream settles its real usage, which the caller did not ask for")
    func stream() throws {
        let drive = drive([limit(.tokens, 10_000, per: 3_600)])
        try drive.post(path, #"{"model":"small","stream":true,"max_tokens":500}"#)
        #expect(left(drive) == 9_500)
        drive.sent()
        try drive.answered(200, "content-type: text/event-stream\r\n")
        drive.came("data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n")
        drive.came("data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n")
        drive.came("data: [DONE]\n\n")
        drive.ended()
        #expect(left(drive) == 9_995 && drive.record.cost?.trillionths == 7_000_000)
        #expect(drive.unsettled == nil)
    }

    @Test("usage that nobody tells of stays at its estimate")
    func silent() throws {
        let drive = drive([limit(.tokens, 10_000, per: 3_600)])
        try drive.post(path, #"{"model":"small","max_tokens":500}"#)
        drive.sent()
        try drive.answered(200, json)
        drive.came("{}", isLast: true)
        drive.ended()
        #expect(left(drive) == 9_500 && drive.record.flags.contains(.usageMissing))
        #expect(drive.record.cost == nil, "what is not known is not free")
        // A caller that leaves in the middle pays for what it asked.
        try drive.post(path, #"{"model":"small","stream":true,"max_tokens":500}"#)
        drive.sent()
        drive.gone()
        #expect(left(drive) == 9_000 && drive.unsettled == nil)
    }

    @Test("what no endpoint was asked for is not charged")
    func notAsked() throws {
        let drive = drive([limit(.requests, 5), limit(.tokens, 10_000, name: "t")])
        try drive.post(path, #"{"model":"small"}"#)
        drive.failed(.connect)
        #expect(drive.refusal == "upstream-unreachable" && drive.unsettled == nil)
        try drive.post(path, #"{"model":"unknown"}"#)
        #expect(drive.refusal == "model-not-found")
        try drive.post(path, #"{"model":"small","model":"small"}"#)
        #expect(drive.refusal == "duplicate-key")
        try drive.post(path, #"{"model":"small"}"#)
        drive.gone()
        #expect(left(drive, 0) == 5 && left(drive, 1) == 10_000 && drive.unsettled == nil)
    }

    @Test("an endpoint that says no costs a request and no tokens")
    func refusedUpstream() throws {
        let drive = drive([limit(.requests, 5), limit(.tokens, 10_000, name: "t")])
        try drive.post(path, #"{"model":"small"}"#)
        drive.sent()
        try drive.answered(400)
        drive.came("{}", isLast: true)
        drive.ended()
        #expect(left(drive, 0) == 4 && left(drive, 1) == 10_000 && drive.unsettled == nil)
    }

    @Test("retries and fallbacks are one request, and the target that answered is priced")
    func fallback() throws {
        var sample = sample(
            [limit(.requests, 5), limit(.cost(.usd), 1_000_000_000, name: "c")],
            fallbacks: 1)
        sample.models[0].fallbacks[0].price = Price(
            input: 10, output: 20, cachedInput: 10, currency: .usd)
        let drive = Drive(sample)
        try drive.post(path, #"{"model":"small","max_tokens":100}"#)
        #expect(left(drive, 1) == 800_000_000)
        drive.sent()
        #expect(try drive.answered(500).dispatch != nil)
        try finish(drive, input: 100, output: 10)
        #expect(drive.record.cost == Cost(trillionths: 1_200, currency: .usd))
        #expect(left(drive, 0) == 4 && left(drive, 1) == 999_998_800 && drive.unsettled == nil)
    }

    @Test("money is refused with its amount")
    func money() throws {
        let drive = drive([limit(.cost(.usd), 50_000_000, per: 3_600)])
        try drive.post(path, #"{"model":"small","max_tokens":25}"#)
        try finish(drive, input: 0, output: 25)
        #expect(left(drive) == 0)
        try drive.post(path, #"{"model":"small","max_tokens":10}"#)
        #expect(drive.refusal == "cost-limit" && drive.written.field("retry-after") == "1440")
        let message = try #require(try error(drive)["message"] as? String)
        #expect(message.contains("allows 0.00005 USD per 1h0m0s"), "\(message)")
        #expect(message.contains("needs 0.00002 USD and 0 USD are left"), "\(message)")
        #expect(drive.written.field("x-ratelimit-limit-requests") == nil)
    }

    @Test("limits of the route and of the model hold together, each once")
    func together() throws {
        let both = drive(
            [limit(.requests, 9, name: "a"), limit(.requests, 1, name: "b")], rule: [0])
        try both.post(path, #"{"model":"small"}"#)
        try finish(both)
        #expect(both.written.field("x-ratelimit-limit-requests") == "1")
        try both.post(path, #"{"model":"small"}"#)
        #expect(both.record.limit == "default/team/b" && left(both, 0) == 8)
        var twice = sample([limit(.requests, 9)])
        twice.models[0].limits = [0]
        let drive = Drive(twice)
        try drive.post(path, #"{"model":"small"}"#)
        #expect(left(drive) == 8)
    }

    @Test("callers, header values and models are counted apart")
    func keys() throws {
        let parts: [Limit.KeyPart] = [.source, .header(bytes("x-team")), .model]
        let drive = drive([limit(.requests, 1, key: parts)])
        func enters(_ team: String?, _ peer: String) throws -> Bool {
            drive.exchange.peer = bytes(peer)
            try drive.post(
                path, #"{"model":"small"}"#, fields: team.map { "X-Team: \($0)\r\n" } ?? "")
            guard drive.phase == .dispatched else { return false }
            try finish(drive)
            return true
        }
        for (team, peer) in [("a", "1.1.1.1"), ("b", "1.1.1.1"), ("a", "1.1.1.2"), ("", "a1")] {
            #expect(try enters(team, peer))
            #expect(try !enters(team, peer))
        }
        #expect(try !enters(nil, "a1"), "no header is the same as an empty one")
        #expect(drive.shard.ledger.statistics(at: drive.now)[0].keys == 4)
    }

    @Test("an audit refuses nothing and says what it would have refused")
    func audit() throws {
        let drive = drive([limit(.requests, 1, isAudit: true)])
        for isOver in [false, true] {
            try drive.post(path, #"{"model":"small"}"#)
            try finish(drive)
            #expect(drive.record.status == 200)
            #expect(drive.record.flags.contains(.limitAudited) == isOver)
            #expect(drive.record.limit == (isOver ? "default/team/l" : nil))
            #expect(drive.written.field("x-ratelimit-limit-requests") == nil)
        }
        let page = metrics(drive)
        let labels = #"policy="default/team",limit="l""#
        #expect(page.contains("pinion_limit_decisions_total{\(labels),decision=\"audited\"} 1\n"))
        #expect(page.contains("pinion_limit_decisions_total{\(labels),decision=\"admitted\"} 1\n"))
        #expect(page.contains("pinion_limit_decisions_total{\(labels),decision=\"refused\"} 0\n"))
    }

    @Test("a swap keeps what was used, also for requests that it overtook")
    func swap() throws {
        let requests = limit(.requests, 5)
        let tokens = limit(.tokens, 10_000, per: 3_600, name: "t")
        let drive = drive([requests, tokens])
        try drive.begin(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n")
        drive.adopt(sample([tokens, requests]))
        drive.body(#"{"model":"small","max_tokens":100}"#)
        #expect(left(drive, 0) == 9_900 && left(drive, 1) == 4)
        drive.adopt(sample([requests, tokens]))
        try finish(drive, input: 10, output: 10)
        #expect(left(drive, 0) == 4 && left(drive, 1) == 9_980 && drive.unsettled == nil)
        // A limit that is gone holds nobody back, and is owed nothing.
        try drive.post(path, #"{"model":"small"}"#)
        drive.adopt(sample([]))
        try finish(drive)
        #expect(drive.record.status == 200 && drive.unsettled == nil)
    }

    @Test("what the provider says of its own limits does not pass where ours apply")
    func provider() throws {
        let drive = drive([limit(.requests, 5)])
        try drive.post(path, #"{"model":"small"}"#)
        drive.sent()
        try drive.answered(
            200,
            json + "X-RateLimit-Limit-Requests: 77\r\nx-ratelimit-limit-tokens: 88\r\n")
        drive.came("{}", isLast: true)
        drive.ended()
        #expect(drive.written.field("x-ratelimit-limit-requests") == "5")
        #expect(drive.written.field("x-ratelimit-limit-tokens") == "88")
    }

    @Test("limits that need a model leave requests without one alone")
    func plain() throws {
        var sample = SnapshotSample()
        sample.usageLimits = [limit(.tokens, 1), limit(.requests, 1, name: "r")]
        sample.rules[0].limits = [0, 1]
        let drive = Drive(sample)
        for isLast in [false, true] {
            let step = try drive.get("/")
            #expect((step.dispatch == nil) == isLast)
            guard !isLast else { break }
            drive.sent()
            try drive.answered(200)
            drive.ended()
        }
        #expect(drive.refusal == "request-limit")
        #expect(drive.written.field("content-type") == "application/problem+json")
    }

    @Test("what an answer cost is counted by model and currency")
    func cost() throws {
        let drive = drive([])
        try drive.post(path, #"{"model":"small"}"#)
        drive.sent()
        try drive.answered(200, json)
        drive.came(
            #"{"usage":{"prompt_tokens":1000,"completion_tokens":100,"#
                + #""prompt_tokens_details":{"cached_tokens":400}}}"#, isLast: true)
        drive.ended()
        // 600 tokens at 1, 400 at 0.1 and 100 at 2 millionths.
        #expect(drive.record.cost == Cost(trillionths: 840_000_000, currency: .usd))
        #expect(
            metrics(drive).contains(
                #"pinion_cost_total{currency="USD",gen_ai_operation_name="chat","#
                    + #"gen_ai_provider_name="vllm",gen_ai_request_model="small","#
                    + "gen_ai_response_model=\"real-model\",backend=\"default/b0\"} 0.00084\n"))
    }

    private func metrics(_ drive: Drive) -> String {
        drive.shard.refreshGauges(at: drive.now)
        let facts = ProcessFacts(version: "1", startedAt: WallTime(nanoseconds: 0))
        return String(
            decoding: PrometheusText.render(drive.shard.metrics, process: facts, format: .text),
            as: UTF8.self)
    }
}
