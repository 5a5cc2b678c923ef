// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire
import Testing

@Suite struct HeadLimitsTests {
    @Test("a head of exactly the limit passes and one byte more is refused")
    func headBytes() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        let bytes = latin(text)
        var limits = HeadLimits(headBytesMax: bytes.count)
        #expect(judge(request: bytes, limits: limits).violation == nil)
        limits.headBytesMax -= 1
        let refused = judge(request: bytes, limits: limits)
        #expect(refused.violation?.code == .headTooLarge)
        #expect(refused.violation?.status == 431)
        for cut in 0..<bytes.count {
            #expect(judge(request: bytes, cuts: [cut], limits: limits) == refused)
        }
    }

    @Test("a head that never ends is refused as soon as the limit is reached")
    func endless() {
        let limits = HeadLimits(headBytesMax: 100)
        let text = "GET / HTTP/1.1\r\nx: " + String(repeating: "y", count: 100)
        let bytes = latin(text)
        #expect(judge(request: Array(bytes[..<99]), limits: limits) == .incomplete)
        let full = judge(request: Array(bytes[..<100]), limits: limits)
        #expect(full.violation?.code == .headTooLarge)
        let answer = latin("HTTP/1.1 200 OK\r\nx: " + String(repeating: "y", count: 100))
        #expect(judge(response: answer, limits: limits).violation?.code == .headTooLarge)
        #expect(judge(response: answer, limits: limits).violation?.status == 502)
    }

    @Test("the limit on a head cannot exceed what 16-bit offsets can say")
    func ceiling() {
        #expect(HeadLimits(headBytesMax: 1 << 20).headBytesMax == 65_535)
        var limits = HeadLimits()
        limits.headBytesMax = 100_000
        #expect(limits.headBytesMax == 65_535)
        let line = "x: " + String(repeating: "y", count: 6_000) + "\r\n"
        let filler = String(repeating: line, count: 10)
        let bytes = latin("GET / HTTP/1.1\r\nHost: a\r\n" + filler + "last: z\r\n\r\n")
        guard case .accepted(let text) = judge(request: bytes, limits: limits) else {
            Issue.record("a head of \(bytes.count) bytes was refused")
            return
        }
        #expect(text.hasSuffix("other <last> <z>"))
    }

    @Test("a target of exactly the limit passes and one byte more is 414")
    func target() {
        var limits = HeadLimits(targetBytesMax: 10)
        let bytes = latin("GET /345678901 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(judge(request: bytes, limits: limits).violation == nil)
        limits.targetBytesMax = 9
        #expect(judge(request: bytes, limits: limits).violation?.code == .targetTooLong)
        #expect(judge(request: bytes, limits: limits).violation?.status == 414)
        let endless = latin("GET /" + String(repeating: "y", count: 200))
        #expect(judge(request: endless, limits: limits).violation?.code == .targetTooLong)
    }

    @Test("100 fields pass and 101 are refused")
    func fieldCount() {
        func head(_ count: Int) -> [UInt8] {
            latin(
                "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "x: y\r\n", count: count - 1)
                    + "\r\n")
        }
        #expect(judge(request: head(100)).violation == nil)
        #expect(judge(request: head(101)).violation?.code == .tooManyFields)
        #expect(judge(request: head(101)).violation?.status == 431)
    }
}
