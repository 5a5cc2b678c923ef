// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import Testing

@testable import MeshProxy

private let start = Instant(nanoseconds: 1_000_000_000)

private func frame(
    _ type: UInt8, _ flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8] = []
) -> [UInt8] {
    let count = payload.count
    let length = [UInt8(count >> 16), UInt8(count >> 8 & 255), UInt8(count & 255)]
    return length + [type, flags, 0, 0, 0, stream] + payload
}

private let settings = frame(4)
private let ping = frame(6, [1, 2, 3, 4, 5, 6, 7, 8])

private func frame(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
    frame(type, 0, stream: 0, payload)
}

/// What a gate makes of bytes that come in pieces: those that pass, and the PINGs to answer.
private struct Run {
    var gate: FrameGate
    var passed: [UInt8] = []
    var pings: [[UInt8]] = []
    var flood: String?
    private var kept: [UInt8] = []

    init(asServer: Bool = false) { gate = FrameGate(awaitsPreface: asServer, at: start) }

    mutating func take(_ bytes: [UInt8], at now: Instant = start) {
        kept += bytes
        let all = kept
        var offset = 0
        all.withUnsafeBytes { bytes in
            while true {
                switch gate.next(bytes, at: &offset, now: now) {
                case .pass(let range): passed += bytes[range]
                case .ping(let at): pings.append(Array(bytes[at..<(at + 8)]))
                case .skip: continue
                case .needMore: return
                case .flood(let kind):
                    flood = "\(kind)"
                    return
                }
            }
        }
        kept.removeFirst(offset)
    }
}

@Suite("The gate before the codec of HTTP/2")
struct FrameGateTests {
    @Test("answers PING and drops PRIORITY, and passes all else, however it is cut")
    func filters() {
        let headers = frame(1, 4, stream: 1, [0x82, 0x84])
        let data = frame(0, 1, stream: 1, Array("hello".utf8))
        let priority = frame(2, 0, stream: 3, [0, 0, 0, 1, 5])
        let ack = frame(6, 1, stream: 0, [UInt8](repeating: 0, count: 8))
        let all = settings + ping + headers + priority + data + ack + ping
        let preface = Array("\(FrameGate.preface)".utf8)
        for size in 1...all.count {
            var run = Run(asServer: true)
            let bytes = preface + all
            for at in stride(from: 0, to: bytes.count, by: size) {
                run.take(Array(bytes[at..<min(at + size, bytes.count)]))
            }
            #expect(run.passed == preface + settings + headers + data)
            #expect(run.pings == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4, 5, 6, 7, 8]])
        }
    }

    @Test(
        "leaves to the codec what is malformed",
        arguments: [
            // Before SETTINGS.
            ping,
            settings + frame(6, [1, 2, 3]),
            settings + frame(6, 0, stream: 1, [1, 2, 3, 4, 5, 6, 7, 8]),
            settings + frame(2, 0, stream: 0, [0, 0, 0, 1, 5]),
            settings + frame(2, 0, stream: 3, [0, 0, 0, 3, 5]),
            settings + frame(2, 0, stream: 3, [0, 0, 0, 1]),
            // Within a header block.
            settings + frame(1, 0, stream: 1, [0x82]) + ping,
        ])
    func malformed(_ bytes: [UInt8]) {
        var run = Run()
        run.take(bytes)
        #expect(run.passed == bytes && run.pings.isEmpty)
    }

    @Test("a burst of PINGs passes, and as many a second as the limit says, and no more")
    func pings() {
        var run = Run()
        run.take(settings)
        for _ in 0..<HTTP2Limits.pings.burst { run.take(ping) }
        #expect(run.flood == nil)
        run.take(ping)
        #expect(run.flood == "PING")

        var steady = Run()
        steady.take(settings)
        var now = start
        let step = Nanoseconds(1_000_000_000 / Int64(HTTP2Limits.pings.perSecond))
        for _ in 0..<(HTTP2Limits.pings.burst * 3) {
            steady.take(ping, at: now)
            now = now + step
        }
        #expect(steady.flood == nil)
    }

    @Test("floods of other kinds are seen")
    func floods() {
        for (bytes, kind, most) in [
            (settings, "SETTINGS", HTTP2Limits.settings.burst),
            (frame(8, [0, 0, 0, 1]), "WINDOW_UPDATE", HTTP2Limits.windowUpdates.burst),
            (frame(2, 0, stream: 3, [0, 0, 0, 1, 5]), "PRIORITY", HTTP2Limits.pings.burst),
        ] {
            var run = Run()
            run.take(settings)
            var count = 0
            while run.flood == nil, count <= most {
                run.take(bytes)
                count += 1
            }
            #expect(run.flood == kind)
        }
    }
}
