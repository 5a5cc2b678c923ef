// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshRouting
import MeshSnapshot
import MeshWire

extension Measure {
    /// What choosing costs, and how it grows.
    mutating func routing() throws {
        for size in [10, 10_000] { try match(size) }
        for size in [10, 10_000] { try pick(size) }
        for size in [10, 10_000] { try decide(size) }
    }

    /// Requests for ten of the routes in turn, spread over the table.
    private mutating func match(_ size: Int) throws {
        let table = SampleSnapshot.routes(size)
        var head = RequestHead()
        let bytes = Sample.head(length: 0)
        guard try head.parse(bytes.span.bytes, limits: HeadLimits()) else { throw Broken() }
        let paths = (0..<10).map { i in
            Array((SampleSnapshot.path(i * size / 10) + "/chat/completions").utf8)
        }
        let host = Array("mesh.example.com".utf8)
        let method = Array("POST".utf8)
        let none: [UInt8] = []
        let parsed = head
        try run("route match among \(grouped(size))") { count in
            for i in 0..<count {
                let path = paths[i % 10]
                let rule = table.rule(
                    host: host.span.bytes, path: path.span.bytes,
                    query: none.span.bytes, method: method.span.bytes, head: parsed,
                    bytes: bytes.span.bytes)
                guard rule == RuleID(i % 10 * size / 10) else { throw Broken() }
            }
        }
    }

    private mutating func pick(_ size: Int) throws {
        var fleet = Fleet()
        fleet.adopt(SampleSnapshot.plain(endpoints: size), at: Sample.now)
        var random = SplitMix64(seed: 1)
        var now = Sample.now
        try run("endpoint pick among \(grouped(size))") { count in
            for _ in 0..<count {
                now = now + .microseconds(20)
                let pick = fleet.pick(
                    backend: 0, carrying: .nothing, hash: nil, tried: Tried(), using: &random,
                    at: now)
                guard let pick else { throw Broken() }
                fleet.begin(pick.slot, at: now)
                fleet.firstByte(pick.slot, after: .milliseconds(1), at: now)
                _ = fleet.end(pick.slot, .success, at: now)
            }
        }
    }

    /// Everything from a parsed head to the head that goes to an endpoint.
    private mutating func decide(_ size: Int) throws {
        var drive = try Drive(
            SampleSnapshot.plain(routes: size, endpoints: size),
            paths: (0..<10).map { SampleSnapshot.path($0 * size / 10) + "/chat/completions" })
        try run("decision among \(grouped(size)) routes and endpoints") { count in
            for i in 0..<count { try drive.decide(i) }
        }
    }

    private func grouped(_ size: Int) -> String { size < 1000 ? "\(size)" : "\(size / 1000),000" }
}
