// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import Testing

@Suite("Shares of traffic")
struct SplitTests {
    private func backends(_ count: Int) -> [BackendSample] {
        (0..<count).map { BackendSample(name: "default/b\($0)", subnet: $0) }
    }

    @Test("targets of a rule get their shares, and a weight of 0 gets nothing")
    func weights() throws {
        let seed: UInt64 = 1401
        var sample = SnapshotSample()
        sample.backends = backends(3)
        let weights = [70, 0, 30]
        sample.rules[0].action = .forward(
            weights.indices.map {
                WeightedTarget(weight: weights[$0], destination: .backend(BackendID($0)))
            })
        let drive = Drive(sample, seed: seed)
        var counts = [0, 0, 0]
        for _ in 0..<4000 {
            let pick = try #require(try drive.get("/").dispatch)
            counts[Int(pick.endpoint)] += 1
            drive.gone()
        }
        #expect(counts[1] == 0 && abs(counts[0] - 2800) < 150, "\(counts), seed \(seed)")
        #expect(drive.unsettled == nil)
    }

    @Test("the share of a reference that did not resolve is refused with 500")
    func invalid() throws {
        let seed: UInt64 = 1402
        var sample = SnapshotSample()
        sample.rules[0].action = .forward([
            WeightedTarget(weight: 1, destination: .backend(0)),
            WeightedTarget(weight: 1, destination: .invalid),
        ])
        let drive = Drive(sample, seed: seed)
        var refused = 0
        for _ in 0..<1000 {
            try drive.get("/")
            if drive.phase == .done {
                #expect(drive.record.status == 500)
                refused += 1
            } else {
                drive.gone()
            }
        }
        #expect(abs(refused - 500) < 80, "\(refused), seed \(seed)")
    }

    @Test("targets of a model get their shares, each with its own upstream name")
    func modelWeights() throws {
        let seed: UInt64 = 1403
        var sample = SnapshotSample.model()
        sample.backends = backends(2)
        sample.models[0].targets = [
            ModelTarget(weight: 9, backend: 0, upstreamModel: bytes("big")),
            ModelTarget(weight: 1, backend: 1, upstreamModel: nil),
        ]
        let drive = Drive(sample, seed: seed)
        var counts = [0, 0]
        for _ in 0..<2000 {
            let pick = try #require(
                try drive.post("/v1/chat/completions", #"{"model":"small"}"#).dispatch)
            counts[Int(pick.endpoint)] += 1
            let name = pick.endpoint == 0 ? "big" : "small"
            #expect(drive.forwarded().body == #"{"model":"\#(name)"}"#)
            drive.gone()
            #expect(drive.record.upstreamModel == name)
        }
        #expect(abs(counts[0] - 1800) < 80, "\(counts), seed \(seed)")
    }

    @Test("a mirror gets its share of requests, once each, with the body", arguments: [0, 25, 100])
    func mirrors(percent: Int) throws {
        let seed: UInt64 = 1404
        var sample = SnapshotSample()
        sample.backends = backends(2)
        sample.rules[0].mirrors = [
            Mirror(backend: 1, numerator: percent, denominator: 100)
        ]
        sample.rules[0].retry.attempts = 2
        let drive = Drive(sample, seed: seed)
        var copies = 0
        for _ in 0..<1000 {
            let begun = try drive.begin("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")
            #expect(begun.collectsBody && begun.mirrors.isEmpty)
            let step = drive.body("{}")
            #expect(step.dispatch?.endpoint == 0)
            if !step.mirrors.isEmpty {
                #expect(step.mirrors.map(\.backend) == [1])
                copies += 1
            }
            #expect(drive.failed(.connect).mirrors.isEmpty, "a retry is not mirrored")
            drive.gone()
        }
        #expect(abs(copies - percent * 10) < 60, "\(copies), seed \(seed)")
        #expect(drive.unsettled == nil)
    }

    @Test("a body that is too large to keep is passed on and not copied")
    func largeBodies() throws {
        var sample = SnapshotSample()
        sample.backends = backends(2)
        sample.rules[0].mirrors = [Mirror(backend: 1, numerator: 1, denominator: 1)]
        let drive = Drive(sample)
        for (framing, isCopied) in [
            ("Content-Length: 1048576", true), ("Content-Length: 1048577", false),
            ("Transfer-Encoding: chunked", false),
        ] {
            let step = try drive.begin("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
            #expect(step.collectsBody == isCopied, "\(framing)")
            #expect((step.dispatch == nil) == isCopied, "\(framing)")
            #expect(step.mirrors.isEmpty, "\(framing)")
            if isCopied { #expect(drive.body("{}").mirrors.count == 1) }
            drive.gone()
        }
        #expect(drive.unsettled == nil)
    }

    @Test("the same value of a header goes to the same endpoint")
    func ring() throws {
        var sample = SnapshotSample()
        sample.backends = [
            BackendSample(endpoints: 5) { $0.balancing = .ringHash(header: bytes("x-user")) }
        ]
        let drive = Drive(sample)
        var seen: Set<EndpointID> = []
        for user in 0..<40 {
            var own: Set<EndpointID> = []
            for name in ["X-User", "x-user"] {
                let pick = try #require(
                    try drive.get("/", fields: "\(name): u\(user)\r\n").dispatch)
                own.insert(pick.endpoint)
                drive.gone()
            }
            #expect(own.count == 1, "user \(user)")
            seen.formUnion(own)
        }
        #expect(seen.count == 5)
    }
}
