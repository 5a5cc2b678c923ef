// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry

/// One request of the workload on its way through the world, and what its caller saw.
final class SimulatedRequest {
    /// Its number in the world.
    let number: Int
    let item: WorkItem
    var fate: CallerFate
    /// When its caller set out.
    let startedAt: Instant
    /// How often it was sent before, as requests of their own.
    let repeats: Int
    /// The answers that servers began for it.
    var attempts: [Int] = []
    /// Exchanges that the proxy began for it, and the records it made of them.
    var begun = 0
    var records = 0
    /// The last record.
    var record: ExchangeRecord?
    /// What the caller saw; complete once `isFinished`.
    var observation: RequestObservation
    /// Whether the caller has ended with it.
    var isFinished = false
    /// When the last token came.
    var lastTokenAt = Instant(nanoseconds: 0)
    /// Whether it was sent anew because a kept connection had gone.
    var wasResent = false

    init(number: Int, item: WorkItem, fate: CallerFate, repeats: Int, at now: Instant) {
        self.number = number
        self.item = item
        self.fate = fate
        self.repeats = repeats
        startedAt = now
        observation = RequestObservation(number: number, item: item, at: now)
    }

    /// The request as its caller writes it: head, then body.
    func bytes(promptBytesMax: Int) -> (head: [UInt8], body: [UInt8]) {
        var body: [UInt8] = []
        let content = min(item.promptTokens * 4, promptBytesMax)
        body.reserveCapacity(content + 160)
        body.append("{\"model\":\"")
        body.append(item.model)
        body.append("\",\"stream\":")
        body.append(item.stream ? "true" : "false")
        if fate.asksForUsage, item.stream {
            body.append(",\"stream_options\":{\"include_usage\":true}")
        }
        body.append(",\"messages\":[{\"role\":\"user\",\"content\":\"")
        body.append(contentsOf: repeatElement(UInt8(ascii: "w"), count: content))
        body.append("\"}]}")
        var head: [UInt8] = []
        head.reserveCapacity(200)
        head.append("POST /v1/chat/completions HTTP/1.")
        head.append(fate.isOld ? "0" : "1")
        head.append("\r\nhost: mesh.sim\r\nx-request-id: ")
        head.append(contentsOf: RequestName.text(number))
        head.append("\r\nx-session-id: ")
        head.appendDecimal(Int(truncatingIfNeeded: item.session & 0xFFFF_FFFF_FFFF))
        if let label = item.dataLabel {
            head.append("\r\nx-data-label: ")
            head.append(label)
        }
        head.append("\r\ncontent-type: application/json\r\n")
        if fate.isChunked {
            head.append("transfer-encoding: chunked\r\n\r\n")
            body = Self.chunked(body)
        } else {
            head.append("content-length: ")
            head.appendDecimal(body.count)
            head.append("\r\n\r\n")
        }
        return (head, body)
    }

    private static func chunked(_ body: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var at = 0
        while at < body.count {
            let end = min(body.count, at + 300)
            out.appendHexadecimal(end - at)
            out.append("\r\n")
            out.append(contentsOf: body[at..<end])
            out.append("\r\n")
            at = end
        }
        out.append("0\r\n\r\n")
        return out
    }
}
