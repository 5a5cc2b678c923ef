// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Asking how much two answers mean the same")
struct SimilarityTests {
    private static let chat = "/v1/chat/completions"
    private static let ask = #"{"model":"small","messages":[]}"#
    private static let json = "content-type: application/json\r\n"

    /// A model with a mirror on backend 1, and an embeddings model on backend 2.
    private func sample(perMinute: Int = 60, percent: Int = 100) -> SnapshotSample {
        var sample = SnapshotSample.model()
        sample.backends = (0..<3).map { BackendSample(name: "default/b\($0)", subnet: $0) }
        sample.models[0].mirrors = [Mirror(backend: 1, numerator: 1, denominator: 1)]
        sample.models[0].comparison = Comparison(
            percent: 100,
            similarity: .init(embedder: 0, percent: percent, perMinute: perMinute))
        sample.embedders = [
            Embedder(
                name: "default/embed",
                targets: [ModelTarget(weight: 1, backend: 2, upstreamModel: bytes("vectors"))])
        ]
        return sample
    }

    private func document(_ text: String) -> String {
        #"{"choices":[{"message":{"content":"\#(text)"},"finish_reason":"stop"}]}"#
    }

    /// A pair of answers, compared.
    private func finding(
        _ drive: Drive, _ primary: String, _ mirror: String, fields: String = ""
    ) throws -> MirrorFinding {
        let order = try #require(
            try drive.post(Self.chat, Self.ask, fields: fields).mirrors.first)
        let body = document(mirror)
        drive.mirrorAnswered(
            order,
            "HTTP/1.1 200 OK\r\n\(Self.json)content-length: \(body.utf8.count)\r\n\r\n\(body)")
        drive.sent()
        let own = document(primary)
        try drive.answered(200, "\(Self.json)content-length: \(own.utf8.count)\r\n")
        drive.came(own, isLast: true)
        drive.ended()
        return try #require(drive.shard.mirrors.takeReady().first).compared()
    }

    @Test("the model is shown both texts, under its own name and with its own credential")
    func question() throws {
        var sample = sample()
        sample.backends[2].change = { backend in
            backend.pathStrip = bytes("/v1")
            backend.pathPrefix = bytes("/api")
            backend.hostHeader = bytes("vectors.test")
            backend.credential = Credential(
                header: bytes("authorization"), prefix: bytes("Bearer "),
                source: .environment("KEY"))
        }
        let drive = Drive(sample, credentials: [nil, nil, Secret(bytes("secret"))])
        var found = try finding(drive, "Hello", "Good day")
        let asked = drive.shard.askSimilarity(&found, at: drive.now)
        let order = try #require(asked)
        #expect(order.pick.endpoint == 2 && found.gap == nil)
        let request = String(decoding: order.request.reveal(), as: UTF8.self)
        #expect(request.startLine == "POST /api/embeddings HTTP/1.1")
        #expect(request.field("host") == "vectors.test")
        #expect(request.field("authorization") == "Bearer secret")
        #expect(
            request.afterHead
                == #"{"model":"vectors","input":["Hello","Good day"],"encoding_format":"float"}"#)
        #expect(request.field("content-length") == "\(request.afterHead.utf8.count)")
        let answer = bytes(#"{"data":[{"embedding":[3,4]},{"embedding":[1,0]}]}"#)
        found.take(answer: answer.span.bytes)
        drive.shard.settle(found)
        let totals = try #require(drive.shard.metrics.mirrorComparisons.first?.totals)
        #expect(totals.meanSimilarity == 0.6)
        #expect(drive.shard.mirrors.outstanding == 0)
    }

    @Test("nobody is asked about texts of which it is known without")
    func known() throws {
        let drive = Drive(sample())
        for (primary, mirror, similarity) in [("a", "a", 10_000), ("a", "", 0)] {
            var found = try finding(drive, primary, mirror)
            let foundOrder = drive.shard.askSimilarity(&found, at: drive.now)
            #expect(foundOrder == nil)
            #expect(found.gap == nil)
            #expect(found.pair.content?.similarity == UInt16(similarity))
            drive.shard.settle(found)
        }
        var none = try finding(drive, "", "")
        let noneOrder = drive.shard.askSimilarity(&none, at: drive.now)
        #expect(noneOrder == nil)
        #expect(none.pair.content?.similarity == nil && none.gap == nil)
    }

    @Test("no more questions are asked a minute than the policy says, evenly")
    func budget() throws {
        let drive = Drive(sample(perMinute: 60))
        func ask() throws -> ComparisonGap? {
            var found = try finding(drive, "a", "b")
            let order = drive.shard.askSimilarity(&found, at: drive.now)
            #expect((order == nil) == (found.gap != nil))
            drive.shard.settle(found)
            return found.gap
        }
        var asked = 0
        for _ in 0..<20 where try ask() == nil { asked += 1 }
        #expect(asked == 4, "a few at once after a while without any")
        for _ in 0..<600 {
            drive.wait(.milliseconds(100))
            if try ask() == nil { asked += 1 }
        }
        #expect(asked == 64)
        #expect(try ask() == .budget)
    }

    @Test("labelled data is shown to no embeddings model, nor what a rule keeps from it")
    func confined() throws {
        var sample = sample()
        sample.backends[0].labels = ["region": "eu"]
        sample.backends[1].labels = ["region": "eu"]
        sample.backends[2].labels = ["region": "eu"]
        try sample.residency.add("phi", regions: ["eu"])
        sample.residency.headers = ["x-data"]
        let drive = Drive(sample)
        var found = try finding(drive, "a", "b", fields: "x-data: phi\r\n")
        #expect(found.pair.content != nil)
        let foundOrder = drive.shard.askSimilarity(&found, at: drive.now)
        #expect(foundOrder == nil)
        var plain = try finding(drive, "a", "b")
        let plainOrder = drive.shard.askSimilarity(&plain, at: drive.now)
        #expect(plainOrder != nil)

        var ruled = self.sample()
        var access = AccessSample()
        ruled.models[0].access = [
            try access.add(("no", .deny, "destination.backend == 'default/b2'"))
        ]
        ruled.access = access.table
        let other = Drive(ruled)
        var denied = try finding(other, "a", "b")
        let deniedOrder = other.shard.askSimilarity(&denied, at: other.now)
        #expect(deniedOrder == nil)
    }

    @Test("an embeddings model that is gone, down or gives no vectors leaves the pair unmeasured")
    func unmeasured() throws {
        let drive = Drive(sample())
        var found = try finding(drive, "a", "b")
        var without = sample()
        without.embedders = []
        without.models[0].comparison = nil
        drive.adopt(without)
        let foundOrder = drive.shard.askSimilarity(&found, at: drive.now)
        #expect(foundOrder == nil)
        #expect(found.gap == .unmeasured)

        let other = Drive(sample())
        var asked = try finding(other, "a", "b")
        let askedOrder = other.shard.askSimilarity(&asked, at: other.now)
        #expect(askedOrder != nil)
        let nonsense = bytes("no")
        asked.take(answer: nonsense.span.bytes)
        #expect(asked.gap == .unmeasured && asked.pair.content?.similarity == nil)
        other.shard.settle(asked)
        let totals = try #require(other.shard.metrics.mirrorComparisons.first?.totals)
        #expect(totals.similarities == 0 && totals.compared == 1)
    }

    @Test("a share of the pairs is asked about")
    func share() throws {
        let drive = Drive(sample(perMinute: 1_000_000, percent: 25), seed: 5)
        var asked = 0
        for _ in 0..<800 {
            var found = try finding(drive, "a", "b")
            if drive.shard.askSimilarity(&found, at: drive.now) != nil { asked += 1 }
            drive.shard.settle(found)
            drive.wait(.milliseconds(1))
        }
        #expect(abs(asked - 200) < 60, "\(asked)")
    }
}
