// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

private let seeds: [String] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /v1/chat/completions?stream=true HTTP/1.1\r\nHost: api.example:8443\r\n"
        + "User-Agent: test/1.0\r\nAccept: */*\r\nConnection: keep-alive, x-hop\r\nx-hop: 1\r\n"
        + "Content-Type: application/json\r\nAuthorization: Bearer abc.def\r\n"
        + "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        + "Content-Length: 1024\r\n\r\n",
    "PUT http://[::1]:80/p?q HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n",
    "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nX:\t y \t\r\n\r\n",
    "\r\nBREW /pot HTTP/1.1\r\nHost:\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
]

/// Bytes that matter to the grammar, so that mutations hit it often.
private let sharp = latin("\r\n\t :,;?#/@[]%_-0aZHTP.\u{0}\u{7f}\u{80}\u{ff}")

private func mutate(_ text: String, using random: inout SplitMix64) -> [UInt8] {
    var bytes = latin(text)
    for _ in 0...(random.next() % 3) {
        let at = Int(random.next() % UInt64(bytes.count))
        let byte =
            random.next() & 1 == 0
            ? sharp[Int(random.next() % UInt64(sharp.count))] : UInt8(random.next() & 0xff)
        switch random.next() % 4 {
        case 0: bytes[at] = byte
        case 1: bytes.insert(byte, at: at)
        case 2 where bytes.count > 1: bytes.remove(at: at)
        default:
            let count = Int(random.next() % 20)
            bytes.insert(contentsOf: bytes[at..<min(at + count, bytes.count)], at: at)
        }
    }
    return bytes
}

/// Name and value of each field that a proxy passes on, framing aside.
private func endToEnd(_ head: RequestHead, _ bytes: [UInt8]) -> [[UInt8]] {
    let dropped = FieldSet.hopByHop.union(FieldSet(names: [.host, .contentLength]))
    var found: [[UInt8]] = []
    for slot in head.fields where !dropped.contains(slot.name) {
        let protected = FieldSet.protected.contains(slot.name)
        if !protected, head.isNominatedByConnection(slot, bytes.span.bytes) { continue }
        found.append(Array(bytes[slot.nameRange.range]))
        found.append(Array(bytes[slot.valueRange.range]))
    }
    return found
}

/// The head as the proxy would write it to the next hop.
private func rewrite(_ head: RequestHead, _ bytes: [UInt8]) -> [UInt8] {
    var out: [UInt8] = []
    let span = bytes.span.bytes
    HeadWriter.appendRequestLine(of: head, bytes: span, to: &out)
    HeadWriter.appendField("host", span.extracting(head.hostRange.range), to: &out)
    HeadWriter.appendEndToEndFields(
        of: head.fields, bytes: span, dropping: FieldSet(names: [.host, .contentLength]), to: &out)
    HeadWriter.appendFraming(head.framing, to: &out)
    HeadWriter.appendEnd(to: &out)
    return out
}

@Suite struct HeadFuzzTests {
    @Test("valid heads read the same at every cut into two and byte by byte")
    func cuts() {
        for text in seeds {
            let bytes = latin(text)
            let whole = judge(request: bytes)
            #expect(whole.violation == nil && whole != .incomplete)
            #expect(judge(request: bytes, cuts: Array(0..<bytes.count)) == whole)
            for cut in 0..<bytes.count { #expect(judge(request: bytes, cuts: [cut]) == whole) }
        }
    }

    @Test("mutated heads read the same at random cuts and one byte after the other")
    func mutatedCuts() {
        for seed: UInt64 in 0..<1_500 {
            var random = SplitMix64(seed: seed)
            let bytes = mutate(seeds[Int(seed) % seeds.count], using: &random)
            let whole = judge(request: bytes)
            var cuts = (0..<3).map { _ in Int(random.next() % UInt64(bytes.count)) }
            cuts.sort()
            #expect(judge(request: bytes, cuts: cuts) == whole, "seed \(seed), \(cuts)")
            let single = judge(request: bytes, cuts: Array(0..<bytes.count))
            #expect(single == whole, "seed \(seed)")
        }
    }

    @Test("what is accepted is read the same by the next hop")
    func rewritten() {
        var accepted = 0
        for seed: UInt64 in 0..<20_000 {
            var random = SplitMix64(seed: seed)
            let bytes = mutate(seeds[Int(seed) % seeds.count], using: &random)
            var head = RequestHead()
            let done = try? head.parse(bytes.span.bytes, limits: HeadLimits())
            guard done == true else { continue }
            accepted += 1
            let out = rewrite(head, bytes)
            var next = RequestHead()
            guard (try? next.parse(out.span.bytes, limits: HeadLimits())) == true else {
                Issue.record("seed \(seed): the next hop refuses \(out.span.bytes.text)")
                continue
            }
            #expect(next.length == out.count, "seed \(seed)")
            #expect(next.framing == head.framing, "seed \(seed)")
            #expect(endToEnd(next, out) == endToEnd(head, bytes), "seed \(seed)")
            #expect(
                out[next.hostRange.range] == bytes[head.hostRange.range] || head.method == .connect,
                "seed \(seed)")
        }
        #expect(accepted > 1_000)
    }

    @Test("random bytes behind a chunked head never confuse the body reader")
    func bodies() {
        let text = "5;a=\"b\"\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nT: x\r\n\r\n"
        for seed: UInt64 in 0..<5_000 {
            var random = SplitMix64(seed: seed)
            let bytes = mutate(text, using: &random)
            var reader = BodyReader(.chunked, limits: HeadLimits())
            var offset = 0
            var out: [UInt8] = []
            let span = bytes.span.bytes
            while case .forward(let range)? = try? reader.relay(span, at: &offset) {
                out.append(span.extracting(range.range))
            }
            guard reader.isComplete else { continue }
            var next = BodyReader(.chunked, limits: HeadLimits())
            var at = 0
            while case .payload? = try? next.next(out.span.bytes, at: &at) {}
            #expect(next.isComplete && !next.sawExtras && at == out.count, "seed \(seed)")
        }
    }

    @Test("one head serves many requests, also after a refused one")
    func reuse() {
        var head = RequestHead()
        for seed: UInt64 in 0..<500 {
            var random = SplitMix64(seed: seed)
            let bytes = mutate(seeds[Int(seed) % seeds.count], using: &random)
            let fresh = judge(request: bytes)
            let again: Verdict
            do {
                let done = try head.parse(bytes.span.bytes, limits: HeadLimits())
                again = done ? .accepted(summary(head, bytes)) : .incomplete
            } catch { again = .refused(error) }
            #expect(again == fresh, "seed \(seed)")
            if again == .incomplete { head.reset() }
        }
    }
}
