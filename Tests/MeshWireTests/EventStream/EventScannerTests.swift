// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

/// One event as a relay sees it: all of its bytes, and its data.
private struct Seen: Hashable {
    var event: String
    var data: String
    var dataLines: Int
    var isDone: Bool
}

/// Runs a relay's buffer over `pieces`: the bytes of the unfinished event stay at the front.
private func relay(
    _ pieces: [[UInt8]], eventBytesMax: Int = 1 << 20
) throws(EventFault) -> (seen: [Seen], rest: [UInt8]) {
    var scanner = EventScanner(eventBytesMax: eventBytesMax)
    var buffer: [UInt8] = []
    var seen: [Seen] = []
    for piece in pieces + [nil as [UInt8]?] {
        buffer += piece ?? []
        var offset = 0
        while true {
            let found =
                piece == nil
                ? try scanner.finish(buffer.span.bytes, at: &offset)
                : try scanner.next(buffer.span.bytes, at: &offset)
            guard case .event(let event, let data, let dataLines, let isDone) = found else {
                break
            }
            #expect(event.end == offset)
            var joined: [UInt8] = []
            scanner.appendData(of: event, in: buffer.span.bytes, to: &joined)
            if dataLines <= 1 { #expect(joined == Array(buffer[data.range])) }
            seen.append(
                Seen(
                    event: String(decoding: buffer[event.range], as: UTF8.self),
                    data: String(decoding: joined, as: UTF8.self), dataLines: dataLines,
                    isDone: isDone))
        }
        buffer.removeFirst(offset)
    }
    return (seen, buffer)
}

private func seen(_ text: String) throws -> [Seen] { try relay([Array(text.utf8)]).seen }

@Suite("Event scanner")
struct EventScannerTests {
    @Test(
        "events are found with all line ends, data and done",
        arguments: [
            ("data: a\n\n", "a", 1, false), ("data:a\r\n\r\n", "a", 1, false),
            ("data:  a\r\r", " a", 1, false), ("data\n\n", "", 1, false),
            ("data:\n\n", "", 1, false),
            (": ping\n\n", "", 0, false), ("\n", "", 0, false), ("\r\n", "", 0, false),
            ("event: x\nid: 1\ndata: a\nretry: 5\n\n", "a", 1, false),
            ("data: a\ndata\ndata: b\r\n\n", "a\n\nb", 3, false), ("datum: a\n\n", "", 0, false),
            ("data: [DONE]\n\n", "[DONE]", 1, true), ("data:[DONE]\r\n\r\n", "[DONE]", 1, true),
            ("data:  [DONE]\n\n", " [DONE]", 1, false), ("data: [DONE] \n\n", "[DONE] ", 1, false),
            ("data: [DONE]\ndata:\n\n", "[DONE]\n", 2, false), ("Data: a\n\n", "", 0, false),
            ("\u{FEFF}data: a\n\n", "a", 1, false), ("\u{FEFF}\n", "", 0, false),
            ("\u{FEFF}\u{FEFF}data: a\n\n", "", 0, false),
            ("data: \u{2028}\0\n\n", "\u{2028}\0", 1, false),
        ] as [(String, String, Int, Bool)])
    func single(text: String, data: String, dataLines: Int, isDone: Bool) throws {
        let expected = Seen(event: text, data: data, dataLines: dataLines, isDone: isDone)
        #expect(try seen(text) == [expected])
        let pieces = Array(text.utf8).map { [$0] }
        #expect(try relay(pieces).seen == [expected])
    }

    @Test("a byte order mark counts only at the very front")
    func mark() throws {
        let found = try seen("data: a\n\n\u{FEFF}data: b\n\n")
        #expect(found.map(\.dataLines) == [1, 0])
    }

    @Test("an unfinished event is not an event")
    func unfinished() throws {
        let (seen, rest) = try relay([Array("data: a\n\ndata: b\n".utf8)])
        #expect(seen.count == 1)
        #expect(rest == Array("data: b\n".utf8))
    }

    @Test("a carriage return at the end waits for its line feed")
    func waiting() throws {
        var scanner = EventScanner()
        var bytes = Array("data: a\r\n\r".utf8)
        var offset = 0
        let waiting = try scanner.next(bytes.span.bytes, at: &offset)
        #expect(waiting == .needMore)
        #expect(offset == 0)
        bytes += Array("\n".utf8)
        let found = try scanner.next(bytes.span.bytes, at: &offset)
        #expect(
            found
                == .event(ByteRange(0, 11), data: ByteRange(6, 7), dataLines: 1, isDone: false))
        #expect(offset == 11)
    }

    @Test("any stream cut anywhere gives the same events, and no byte is lost")
    func cuts() throws {
        let parts = [
            "data: a", "data", "data:", ": c", "event: e", "\n", "\r", "\r\n", "\n\n", "\r\n\r\n",
            "data: [DONE]", "id", "é", "\u{FEFF}", "0123456789",
        ]
        for seed in 0..<2000 as Range<UInt64> {
            var random = SplitMix64(seed: seed)
            let text = (0..<random.below(24)).map { _ in parts[random.below(parts.count)] }
                .joined()
            let bytes = Array(text.utf8)
            let whole = try relay([bytes])
            var pieces: [[UInt8]] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + 1 + random.below(5))
                pieces.append(Array(bytes[start..<end]))
                start = end
            }
            let cut = try relay(pieces)
            #expect(cut.seen == whole.seen, "seed \(seed)")
            #expect(cut.rest == whole.rest, "seed \(seed)")
            let out = whole.seen.map(\.event).joined()
            #expect(Array(out.utf8) + whole.rest == bytes, "seed \(seed)")
        }
    }

    @Test("an event of the largest size passes and one byte more is refused, however it is cut")
    func cap() throws {
        let text = Array(("data: " + String(repeating: "x", count: 92) + "\n\n").utf8)
        let long = Array(("data: " + String(repeating: "x", count: 93) + "\n\n").utf8)
        for size in [1, 7, 200] {
            let cut = { (bytes: [UInt8]) in
                stride(from: 0, to: bytes.count, by: size).map {
                    Array(bytes[$0..<min(bytes.count, $0 + size)])
                }
            }
            #expect(try relay(cut(text + text), eventBytesMax: 100).seen.count == 2)
            #expect(throws: EventFault.tooLarge(limit: 100)) {
                _ = try relay(cut(text + long), eventBytesMax: 100)
            }
            #expect(throws: EventFault.tooLarge(limit: 100)) {
                let endless = Array(String(repeating: "data:\n", count: 17).utf8)
                _ = try relay(cut(endless), eventBytesMax: 100)
            }
            #expect(throws: EventFault.tooLarge(limit: 100)) {
                let returns = Array(repeating: UInt8(ascii: "x"), count: 100) + [0x0D]
                _ = try relay(cut(returns), eventBytesMax: 100)
            }
        }
    }
}
