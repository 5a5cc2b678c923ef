// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshWire

extension Measure {
    /// What reading messages costs.
    mutating func wire() throws {
        try heads()
        try documents()
        try streams()
    }

    private mutating func heads() throws {
        let limits = HeadLimits()
        let request = Sample.head(length: Sample.chat.count)
        var head = RequestHead()
        try run("request head of 12 fields") { count in
            for _ in 0..<count {
                guard try head.parse(request.span.bytes, limits: limits) else { throw Broken() }
                keep(head.length)
            }
        }
        let answer = Sample.answerHead(length: Sample.answer.count)
        var answerHead = ResponseHead()
        try run("answer head of 4 fields") { count in
            for _ in 0..<count {
                let isWhole = try answerHead.parse(
                    answer.span.bytes, requestMethod: .post, limits: limits)
                guard isWhole else { throw Broken() }
                keep(answerHead.length)
            }
        }
    }

    private mutating func documents() throws {
        for (name, body) in [
            ("JSON scan of 1 KB", Sample.chat), ("JSON scan of 256 KB", Sample.longChat),
        ] {
            try run(name, bytes: body.count) { count in
                for _ in 0..<count {
                    let facts = try RequestScanner.scan(body.span.bytes)
                    guard facts.model != nil else { throw Broken() }
                    keep(facts)
                }
            }
        }
        let answer = Sample.answer
        try run("usage of an answer", bytes: answer.count) { count in
            for _ in 0..<count {
                var meter = AnswerMeter()
                meter.observe(answer.span.bytes, isLast: true)
                guard meter.usage != nil else { throw Broken() }
            }
        }
    }

    private mutating func streams() throws {
        let event = Sample.event
        var out: [UInt8] = []
        out.reserveCapacity(4096)
        var relay = StreamRelay(eventBytesMax: 1 << 20, stripsUsage: true)
        try run("event of a stream", bytes: event.count) { count in
            for _ in 0..<count {
                guard relay.consume(event.span.bytes, into: &out) == .unchanged else {
                    throw Broken()
                }
            }
        }
        let usage = Sample.usageEvent
        try run("usage event of a stream", bytes: usage.count) { count in
            for _ in 0..<count {
                out.removeAll(keepingCapacity: true)
                guard relay.consume(usage.span.bytes, into: &out) == .replaced else {
                    throw Broken()
                }
            }
            guard relay.usage != nil else { throw Broken() }
        }
    }
}

/// A benchmark did not do what it measures.
struct Broken: Error {
    var file = #fileID
    var line: Int

    init(line: Int = #line) { self.line = line }
}
