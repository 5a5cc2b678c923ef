// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import Testing

@testable import MeshModelServer

/// Everything that goes wrong, by mistake and on purpose.
struct FaultTests {
    @Test("a request that makes no sense is answered with an error object")
    func mistakes() async throws {
        try await withServer { client, _ in
            let cases: [(String, String, Int, String?)] = [
                ("/v1/chat/completions", "{", 400, nil),
                ("/v1/chat/completions", "[]", 400, nil),
                ("/v1/chat/completions", "{\"messages\":[]}", 400, "model"),
                ("/v1/chat/completions", "{\"model\":\"tiny\"}", 400, "messages"),
                ("/v1/chat/completions", "{\"model\":\"tiny\",\"messages\":[{}]}", 400, "messages"),
                ("/v1/completions", "{\"model\":\"none\",\"prompt\":\"x\"}", 404, "model"),
                ("/v1/completions", "{\"model\":\"tiny\"}", 400, "prompt"),
                ("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"x\",\"n\":0}", 400, "n"),
                (
                    "/v1/completions",
                    "{\"model\":\"tiny\",\"prompt\":\"x\",\"max_tokens\":9999999}", 400, "messages"
                ),
                ("/v1/responses", "{\"model\":\"tiny\"}", 400, "input"),
                ("/v1/embeddings", "{\"model\":\"tiny\",\"input\":[]}", 400, "input"),
                ("/v1/rerank", "{\"model\":\"tiny\",\"query\":\"x\"}", 400, "documents"),
                ("/v1/nothing", "{}", 404, nil),
            ]
            for (path, body, status, parameter) in cases {
                let response = try await client.send("POST", path, body)
                #expect(response.status == status, "\(path) \(body)")
                let error = response.json["error"]
                #expect(error?["type"]?.text == "invalid_request_error", "\(path) \(body)")
                #expect(error?["param"]?.text == parameter, "\(path) \(body)")
                #expect(error?["message"]?.text?.isEmpty == false, "\(path) \(body)")
            }
        }
    }

    @Test("a full queue is answered with 503")
    func queueFull() async throws {
        var profile = EngineProfile.small
        profile.waitingMax = 1
        try await withServer(profile) { client, _ in
            let response = try await client.post("/v1/chat/completions", chat("x", ("n", 2)))
            #expect(response.status == 503)
            #expect(response.json["error"]?["code"]?.text == "overloaded")
            let one = try await client.post("/v1/chat/completions", chat("x", ("max_tokens", 1)))
            #expect(one.status == 200, "the refused request left nothing behind")
        }
    }

    @Test("a key that is asked for must be sent")
    func apiKey() async throws {
        try await withServer(.instant, { $0.apiKey = .init("sesame") }) { client, _ in
            let without = try await client.get("/v1/models")
            let headers = [("authorization", "Bearer sesame")]
            let with = try await client.get("/v1/models", headers)
            let health = try await client.get("/health")
            #expect([without.status, with.status, health.status] == [401, 200, 200])
        }
    }

    @Test("a client that leaves is noticed at once and its job is cancelled")
    func disconnect() async throws {
        try await withServer(.small) { client, _ in
            let body = chat("x", ("stream", true))
            let headers = [("x-sim-tokens", "4000")]
            _ = try await client.post("/v1/chat/completions", body, headers) { response in
                response.events.count >= 3
            }
            let isNoticed = try await client.waits(for: "cancelled", toBe: 1)
            #expect(isNoticed)
            let stats = try await client.get("/sim/stats").json
            #expect(stats["cancelled"] == 1)
            #expect(stats["active_streams"] == 0)
            #expect(stats["engine"]?["running"] == 0)
            let page = try await client.get("/metrics").body
            #expect(page.contains("pinion_model_server_cancelled_total{engine=\"0\""))
        }
    }

    @Test("a status is answered when a header asks for it")
    func status() async throws {
        try await withServer { client, _ in
            let headers = [("x-sim-status", "429"), ("x-sim-retry-after", "7")]
            let response = try await client.post("/v1/chat/completions", chat(), headers)
            #expect(response.status == 429)
            #expect(response.head.contains("retry-after: 7"))
            #expect(response.json["error"]?["type"]?.text == "rate_limit_error")
        }
    }

    @Test("a cut comes after exactly its events", arguments: [0, 1, 3])
    func cut(after count: Int) async throws {
        try await withServer { client, _ in
            let body = chat("x", ("stream", true))
            let headers = [("x-sim-cut-after", "\(count)")]
            let response = try await client.post("/v1/chat/completions", body, headers)
            #expect(response.events.count == count)
            #expect(!response.isComplete)
            #expect(!response.wasReset)
            #expect(try await client.stat("active_streams") == 0)
            #expect(try await client.stat("faults") == 1)
        }
    }

    @Test("a cut waits until a slow reader has what came before it")
    func cutOfSlowReader() async throws {
        try await withServer { client, _ in
            let body = chat("x", ("stream", true))
            let headers = [("x-sim-tokens", "20000"), ("x-sim-cut-after", "19000")]
            var isFirst = true
            let response = try await client.post("/v1/chat/completions", body, headers) { _ in
                if isFirst { try? await Task.sleep(for: .milliseconds(200)) }
                isFirst = false
                return false
            }
            let count = response.events.count
            #expect(count == 19_000)
        }
    }

    @Test("a reset is a reset")
    func reset() async throws {
        try await withServer(.small) { client, _ in
            let body = chat("x", ("stream", true))
            let headers = [("x-sim-reset-after", "2")]
            let response = try await client.post("/v1/chat/completions", body, headers)
            #expect(response.wasReset)
            #expect(response.events.count <= 2)
        }
    }

    @Test("a stalled stream goes silent and stays open")
    func stall() async throws {
        try await withServer { client, _ in
            let body = chat("x", ("stream", true))
            let headers = [("x-sim-stall-after", "2")]
            let reading = Task {
                try await client.post("/v1/chat/completions", body, headers)
            }
            let isStalled = try await client.waits(for: "faults", toBe: 1)
            #expect(isStalled)
            // Long enough for anything more to arrive, were there anything.
            try await Task.sleep(for: .milliseconds(150))
            #expect(try await client.stat("connections") == 2)
            let other = try await client.post("/v1/chat/completions", chat())
            #expect(other.status == 200, "others are served meanwhile")
            reading.cancel()
            let response = try await reading.value
            #expect(response.events.count == 2)
            #expect(!response.isComplete)
        }
    }

    @Test("half an answer in one piece is sent before a cut")
    func cutWhole() async throws {
        try await withServer { client, _ in
            let headers = [("x-sim-cut-after", "1")]
            let response = try await client.post("/v1/chat/completions", chat(), headers)
            #expect(response.status == 200)
            #expect(response.json == .null)
            #expect(response.body.count > 100)
        }
    }

    @Test("a delayed request begins late")
    func delay() async throws {
        try await withServer { client, _ in
            let begun = ContinuousClock.now
            let headers = [("x-sim-delay-ms", "120")]
            let response = try await client.post("/v1/chat/completions", chat(), headers)
            #expect(response.status == 200)
            #expect(ContinuousClock.now - begun > .milliseconds(119))
        }
    }

    @Test("faults for all are set and lifted at run time")
    func serverWide() async throws {
        try await withServer { client, _ in
            func statuses(_ count: Int) async throws -> [Int] {
                var all: [Int] = []
                for _ in 0..<count {
                    all.append(try await client.post("/v1/chat/completions", chat()).status)
                }
                return all
            }
            _ = try await client.post("/sim/faults", ["fail_every": 2, "status": 500])
            #expect(try await statuses(4) == [200, 500, 200, 500])
            _ = try await client.post("/sim/faults", ["status": 502])
            #expect(try await statuses(2) == [502, 502])
            _ = try await client.post("/sim/faults", [:])
            #expect(try await statuses(2) == [200, 200])
            _ = try await client.post("/sim/faults", ["unhealthy": true])
            #expect(try await client.get("/health").status == 503)
            let unknown = try await client.post("/sim/faults", ["bogus": 1])
            #expect(unknown.status == 400)
            #expect(unknown.body.contains("crash_after_tokens"))
        }
    }

    @Test("a crash resets all streams, and the server is unwell until the fault is lifted")
    func crash() async throws {
        try await withServer { client, _ in
            _ = try await client.post("/sim/faults", ["crash_after_tokens": 5])
            let response = try await client.post(
                "/v1/chat/completions", chat("x", ("stream", true)))
            #expect(response.wasReset)
            #expect(!response.isComplete)
            #expect(try await client.get("/health").status == 503)
            let body: JSON = ["model": "tiny", "input": "x"]
            #expect(try await client.post("/v1/embeddings", body).wasReset)
            _ = try await client.post("/sim/faults", [:])
            #expect(try await client.get("/health").status == 200)
            #expect(try await client.post("/v1/chat/completions", chat()).status == 200)
            #expect(try await client.stat("active_streams") == 0)
        }
    }

    @Test("a job that outgrows the memory is told so")
    func outOfMemory() async throws {
        try await withServer { client, _ in
            _ = try await client.post("/sim/faults", ["out_of_memory_above_tokens": 20])
            let whole = try await client.post("/v1/chat/completions", chat())
            #expect(whole.status == 500)
            #expect(whole.json["error"]?["code"]?.text == "out_of_memory")
            let stream = try await client.post(
                "/v1/chat/completions", chat("x", ("stream", true)))
            #expect(stream.status == 200)
            #expect(stream.events.last == "[DONE]")
            #expect(stream.chunks.last?["error"]?["code"]?.text == "out_of_memory")
        }
    }

    @Test("a stop lets the answer under way end, and takes no new connection")
    func gracefulStop() async throws {
        try await withServer(.instant, { $0.grace = .seconds(30) }) { client, server in
            let headers = [("x-sim-tokens", "50"), ("x-sim-interval-ms", "20")]
            let body = chat("x", ("stream", true))
            async let response = client.post("/v1/chat/completions", body, headers)
            let hasBegun = try await client.waits(for: "accepted", toBe: 1)
            #expect(hasBegun)
            await server.stop()
            #expect(try await response.events.last == "[DONE]")
            await #expect(throws: (any Error).self) { try await client.get("/health") }
        }
    }
}
