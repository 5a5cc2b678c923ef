// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshWire
import Testing

private func parse(_ pieces: [[UInt8]]) throws(EventFault) -> [ServerEvent] {
    var parser = EventParser()
    var events: [ServerEvent] = []
    for piece in pieces { events += try parser.feed(piece.span.bytes) }
    return events + (try parser.finish())
}

/// The file of conformance cases, as far as it is used here.
private struct ConformanceSuite: Decodable {
    struct Event: Decodable {
        var type: String
        var data: String
        var id: String
    }

    struct Case: Decodable {
        var id: String
        var chunks_b64: [String]
        var events: [Event]
    }

    var cases: [Case]
}

@Suite("Event parser")
struct EventParserTests {
    @Test(
        "fields are read as the standard says",
        arguments: [
            (
                "event: a\ndata: 1\n\ndata: 2\n\n",
                [ServerEvent(type: "a", data: "1"), ServerEvent(data: "2")]
            ),
            ("event: a\n\ndata: 2\n\n", [ServerEvent(data: "2")]),
            ("id: 7\n\ndata: 2\n\n", [ServerEvent(data: "2", id: "7")]),
            (
                "id: 7\ndata: 1\n\nid\ndata: 2\n\n",
                [ServerEvent(data: "1", id: "7"), ServerEvent(data: "2")]
            ),
            ("id: 7\nid: a\0b\ndata: 1\n\n", [ServerEvent(data: "1", id: "7")]),
            ("\u{FEFF}event: a\ndata: 1\n\n", [ServerEvent(type: "a", data: "1")]),
            ("event\ndata: 1\n\n", [ServerEvent(data: "1")]),
            ("data: 1\ndata: 2", []), ("data: 1\n", []),
        ] as [(String, [ServerEvent])])
    func fields(text: String, events: [ServerEvent]) throws {
        #expect(try parse([Array(text.utf8)]) == events)
    }

    @Test("the time to wait is kept only when it is a number")
    func retry() throws {
        var parser = EventParser()
        let bytes = Array("retry: 2000\nretry: 1x\nretry:\nretry: -1\n\n".utf8)
        let events = try parser.feed(bytes.span.bytes)
        #expect(events.isEmpty)
        #expect(parser.retryMilliseconds == 2000)
    }

    @Test("conformance cases hold at every chunking")
    func suite() throws {
        guard let data = JSONSuites.data("sse/sse_parse.json.gz") else { return }
        // Not JSONSerialization: it drops a byte order mark from the front of a string.
        let cases = try JSONDecoder().decode(ConformanceSuite.self, from: data).cases
        var right = 0
        for each in cases {
            let pieces = each.chunks_b64.map(JSONSuites.bytes)
            let expected = each.events.map { ServerEvent(type: $0.type, data: $0.data, id: $0.id) }
            var isRight = try parse(pieces) == expected
            let whole = pieces.flatMap(\.self)
            // Every size of piece, and every single cut.
            for size in 1...max(1, min(whole.count, 40)) {
                let cut = stride(from: 0, to: whole.count, by: size).map {
                    Array(whole[$0..<min(whole.count, $0 + size)])
                }
                isRight = try isRight && parse(cut) == expected
            }
            for place in 0...min(whole.count, 400) {
                let cut = [Array(whole[..<place]), Array(whole[place...])]
                isRight = try isRight && parse(cut) == expected
            }
            if isRight { right += 1 }
            #expect(isRight, "\(each.id)")
        }
        print("event stream suite: \(right) of \(cases.count)")
        #expect(cases.count > 50)
    }
}
