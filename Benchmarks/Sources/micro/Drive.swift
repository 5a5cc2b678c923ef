// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshExchange
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// Takes exchanges from the first byte to the record, as a proxy does but without sockets.
struct Drive: ~Copyable {
    var shard = Shard(seed: 1, wallOffset: 0)
    var exchange = Exchange()
    var now = Sample.now
    var writer = AccessLogWriter()
    var lines: [UInt8] = []
    private var output: [UInt8] = []
    private let peer = Array("127.0.0.1".utf8)
    private let heads: [[UInt8]]
    private var parsed: [RequestHead] = []
    private var answerHead = ResponseHead()

    /// A drive of requests for `paths` in turn, each with a body as the samples have it.
    init(_ snapshot: Snapshot, paths: [String]) throws {
        heads = paths.map { Sample.head(path: $0, length: Sample.chat.count) }
        let none = [Secret<[UInt8]>?](repeating: nil, count: snapshot.backends.count)
        shard.adopt(snapshot, credentials: none, at: now)
        lines.reserveCapacity(1 << 16)
        output.reserveCapacity(4096)
        for bytes in heads {
            var head = RequestHead()
            guard try head.parse(bytes.span.bytes, limits: HeadLimits()) else { throw Broken() }
            parsed.append(head)
        }
    }

    /// Up to the dispatch, and then the caller leaves.
    mutating func decide(_ turn: Int) throws {
        now = now + .microseconds(20)
        let bytes = heads[turn % heads.count]
        let step = exchange.begin(
            parsed[turn % parsed.count], bytes.span.bytes, port: 0, shard: &shard, at: now)
        guard step.dispatch != nil else { throw Broken() }
        _ = exchange.clientGone(shard: &shard, at: now)
    }

    /// One request and its answer; `body` is collected when the exchange asks for it.
    mutating func exchange(_ body: [UInt8], logs: Bool) throws {
        try send(body)
        let answer = Sample.answer
        // Head and document come in one read, as they mostly do.
        try begin(Self.documentHead, read: Self.documentRead)
        let verdict = exchange.answerBody(
            answer.span.bytes, isLast: true, into: &output, at: now)
        guard verdict == .unchanged else { throw Broken() }
        try finish(logs: logs)
    }

    /// One request whose answer is a stream that has begun.
    mutating func openStream(_ body: [UInt8]) throws {
        try send(body)
        try begin(Sample.streamHead, read: Sample.streamHead)
    }

    /// One event of the open stream.
    mutating func pass(_ event: [UInt8], expecting verdict: BodyVerdict) throws {
        output.removeAll(keepingCapacity: true)
        now = now + .microseconds(20)
        let found = exchange.answerBody(event.span.bytes, isLast: false, into: &output, at: now)
        if exchange.isReleasing {
            keep(exchange.heldHead.count)
            exchange.headWritten()
        }
        guard found == verdict else { throw Broken() }
    }

    /// The answer is whole.
    mutating func finish(logs: Bool) throws {
        guard exchange.answerEnded(shard: &shard, at: now).isDone,
            exchange.record.status == 200, exchange.record.refusal == nil
        else { throw Broken() }
        if logs { log() }
    }

    /// The access line of the last exchange.
    mutating func log() {
        if lines.count > 1 << 15 { lines.removeAll(keepingCapacity: true) }
        let bytes = heads[0]
        let client = peer
        let span = bytes.span.bytes
        let agent = parsed[0].first(.userAgent)?.valueRange ?? .empty
        writer.append(
            exchange.record, method: span.extracting(parsed[0].methodRange.range),
            host: span.extracting(parsed[0].hostRange.range),
            path: span.extracting(parsed[0].pathRange.range), query: span.extracting(0..<0),
            client: client.span.bytes, userAgent: span.extracting(agent.range),
            requestID: span.extracting(0..<0), to: &lines)
    }

    private static let documentHead = Sample.answerHead(length: Sample.answer.count)
    private static let documentRead = documentHead + Sample.answer

    private mutating func send(_ body: [UInt8]) throws {
        now = now + .microseconds(20)
        let bytes = heads[0]
        guard try parsed[0].parse(bytes.span.bytes, limits: HeadLimits()) else { throw Broken() }
        var step = exchange.begin(
            parsed[0], bytes.span.bytes, port: 0, shard: &shard, at: now)
        let collects = step.collectsBody
        if collects {
            step = exchange.bodyCollected(
                body.span.bytes, parsed[0], bytes.span.bytes, shard: &shard, at: now)
        } else {
            exchange.requestCompleted(bytes: body.count, at: now)
        }
        guard step.dispatch != nil else { throw Broken() }
        if collects {
            let edits = exchange.forwardedHead(
                parsed[0], bytes.span.bytes, body: body.span.bytes, peer: peer, shard: &shard)
            keep(edits.length(of: body.count))
        } else {
            _ = exchange.forwardedHead(
                parsed[0], bytes.span.bytes, body: nil, peer: peer, shard: &shard)
        }
        exchange.requestSent(at: now)
    }

    private mutating func begin(_ head: [UInt8], read: [UInt8]) throws {
        let isWhole = try answerHead.parse(
            head.span.bytes, requestMethod: .post, limits: HeadLimits())
        guard isWhole else { throw Broken() }
        now = now + .microseconds(200)
        let step = exchange.answerHead(
            answerHead, read.span.bytes, clientMinorVersion: 1, shard: &shard, at: now)
        guard step.relaysBody else { throw Broken() }
    }
}
