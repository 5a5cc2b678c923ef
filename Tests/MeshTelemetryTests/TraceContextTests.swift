// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry
import Testing

@Suite("Trace context")
struct TraceContextTests {
    static let trace = "0af7651916cd43dd8448eb211c80319c"
    static let span = "b7ad6b7169203331"

    private func parse(_ text: String) -> TraceContext? {
        var random = SplitMix64(seed: 7)
        let bytes = Array(text.utf8)
        return TraceContext(traceparent: bytes.span.bytes, using: &random)
    }

    private func header(_ context: TraceContext) -> String {
        var out: [UInt8] = []
        context.append(traceparentTo: &out)
        return String(decoding: out, as: UTF8.self)
    }

    @Test(
        "a valid traceparent keeps its trace and gets a span of our own",
        arguments: [
            ("00-\(trace)-\(span)-01", "01"), ("00-\(trace)-\(span)-00", "00"),
            ("00-\(trace)-\(span)-ff", "03"), ("00-\(trace)-\(span)-02", "02"),
            ("01-\(trace)-\(span)-01", "01"), ("cc-\(trace)-\(span)-01-anything at all", "01"),
            ("fe-\(trace)-\(span)-09-", "01"),
            ("00-00000000000000008448eb211c80319c-\(span)-01", "01"),
        ])
    func valid(text: String, flags: String) throws {
        let context = try #require(parse(text))
        let parts = header(context).split(separator: "-").map(String.init)
        #expect(parts.count == 4)
        #expect(parts[0] == "00")
        #expect(parts[1] == text.dropFirst(3).prefix(32))
        #expect(parts[2] != Self.span && parts[2].count == 16)
        #expect(parts[3] == flags)
        #expect(context.parent == 0xb7ad_6b71_6920_3331)
        #expect(context.isSampled == ["01", "03"].contains(flags))
    }

    @Test(
        "a traceparent with one wrong byte is none",
        arguments: [
            "", "00", "00-\(trace)-\(span)-0", "00-\(trace)-\(span)-011", "00-\(trace)-\(span)-01-",
            "00-\(trace)-\(span)-01-extra", "ff-\(trace)-\(span)-01", "01-\(trace)-\(span)-01x",
            "01-\(trace)-\(span)-01.more", "0-\(trace)-\(span)-001", "0A-\(trace)-\(span)-01",
            "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span.uppercased())-01",
            "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
            "00_\(trace)-\(span)-01", "00-\(trace)_\(span)-01", "00-\(trace)-\(span)_01",
            "00-\(trace)-\(span)-0g", "00-\(trace)-\(span)-.0", " 00-\(trace)-\(span)-01",
            "00-\(trace)-\(span)-01 ", "00-0af7651916cd43dd8448eb211c80319-\(span)a-01",
            "00-гггггггггггггггггггггггггггггггг-\(span)-01",
        ])
    func invalid(text: String) {
        #expect(parse(text) == nil)
    }

    @Test("no byte of a valid traceparent can be changed to one that is not a digit or hyphen")
    func everyByte() {
        let text = Array("00-\(Self.trace)-\(Self.span)-01".utf8)
        var random = SplitMix64(seed: 9)
        for i in text.indices {
            for byte in 0...UInt8.max {
                let character = Character(UnicodeScalar(byte))
                let isDigit = byte < 0x80 && "0123456789abcdef".contains(character)
                let isSeparator = [2, 35, 52].contains(i)
                var changed = text
                changed[i] = byte
                let context = TraceContext(traceparent: changed.span.bytes, using: &random)
                if isSeparator ? byte != 0x2D : !isDigit { #expect(context == nil) }
            }
        }
    }

    @Test("a trace that begins here has new ids and says whether it is recorded")
    func fresh() {
        var random = SplitMix64(seed: 1)
        let a = TraceContext(sampled: true, using: &random)
        let b = TraceContext(sampled: false, using: &random)
        #expect(a.traceHigh != b.traceHigh && a.traceLow != b.traceLow && a.span != b.span)
        #expect(a.isSampled && !b.isSampled)
        #expect(a.parent == 0)
        let again = parse(header(a))
        #expect(again?.traceHigh == a.traceHigh && again?.traceLow == a.traceLow)
        #expect(again?.parent == a.span)
    }

    @Test("a request id is a random UUID and differs from the next")
    func requestID() {
        var random = SplitMix64(seed: 2)
        var seen: Set<String> = []
        for _ in 0..<500 {
            var out: [UInt8] = []
            RequestID(using: &random).append(to: &out)
            let text = String(decoding: out, as: UTF8.self)
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts[2].first == "4")
            #expect("89ab".contains(parts[3].first ?? "x"))
            #expect(seen.insert(text).inserted)
        }
    }

    @Test(
        "a caller's request id is 1 to 128 visible ASCII characters",
        arguments: [
            ("a", true), ("req_7:x/~!", true), (String(repeating: "x", count: 128), true),
            ("", false), (String(repeating: "x", count: 129), false), ("a b", false),
            ("a\n", false), ("\u{7F}", false), ("ü", false), ("a\u{0}", false),
        ])
    func acceptable(text: String, expected: Bool) {
        let bytes = Array(text.utf8)
        #expect(RequestID.isAcceptable(bytes.span.bytes) == expected)
    }
}
