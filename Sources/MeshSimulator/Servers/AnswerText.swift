// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The texts of one answer in OpenAI's shape, put together once so that a token costs one
/// copy of bytes.
final class AnswerText {
    /// The event of a token with its framing; only the token's text changes.
    private var event: [UInt8]
    /// Where that text stands.
    private let textAt: Int
    /// Bytes of framing in front of the payload, and behind it.
    private let frontFraming: Int
    private let backFraming: Int
    private let identity: [UInt8]
    private let isChunked: Bool
    private let seed: UInt64
    /// Tokens that were said before, by another server: the first token is the one behind them.
    private let said: Int

    /// Bytes of an event that carries a token.
    let eventBytes: Int

    /// Bytes of a token's text.
    static var tokenBytes: Int { 5 }

    /// The texts of answer `attempt` for `model`, whose words depend on `seed` and on nothing else.
    init(attempt: Int, model: String, isChunked: Bool, seed: UInt64, said: Int = 0) {
        var identity: [UInt8] = []
        identity.append("data: {\"id\":\"chatcmpl-")
        identity.appendDecimal(attempt, width: 9)
        identity.append("\",\"object\":\"chat.completion.chunk\",\"model\":\"")
        identity.append(model)
        identity.append("\",\"choices\":[{\"index\":0,")
        self.identity = identity
        var payload = identity
        payload.append("\"delta\":{\"content\":\"")
        var tail: [UInt8] = []
        tail.append("\"},\"finish_reason\":null}]}\n\n")
        eventBytes = payload.count + Self.tokenBytes + tail.count
        var head: [UInt8] = []
        if isChunked {
            head.appendHexadecimal(eventBytes)
            head.append("\r\n")
            tail.append("\r\n")
        }
        frontFraming = head.count
        backFraming = isChunked ? 2 : 0
        event = head + payload
        textAt = event.count
        event.append(contentsOf: repeatElement(UInt8(ascii: " "), count: Self.tokenBytes))
        event.append(contentsOf: tail)
        self.isChunked = isChunked
        self.seed = StableHash.mix(seed)
        self.said = said
    }

    /// The first `count` tokens of the answer that `seed` makes.
    static func text(seed: UInt64, count: Int) -> [UInt8] {
        var text: [UInt8] = []
        for index in 0..<count { appendToken(index, StableHash.mix(seed), to: &text) }
        return text
    }

    /// Writes the event of token `index`, and keeps its payload in `log`.
    func writeToken(_ index: Int, to socket: Socket, _ log: AttemptLog?) {
        setToken(index)
        socket.write(event)
        log?.produced.append(contentsOf: event[frontFraming..<event.count - backFraming])
    }

    /// Writes the first `bytes` of the event of token `index` and nothing that ends its chunk.
    func writePart(of index: Int, bytes: Int, to socket: Socket, _ log: AttemptLog?) {
        setToken(index)
        let part = Array(event.prefix(frontFraming + bytes))
        socket.write(part)
        log?.produced.append(contentsOf: part.dropFirst(frontFraming))
    }

    /// Writes the event that names the reason for the end.
    func writeFinish(_ reason: StaticString, to socket: Socket, _ log: AttemptLog?) {
        var event = identity
        event.append("\"delta\":{},\"finish_reason\":\"")
        event.append(reason)
        event.append("\"}]}\n\n")
        writePiece(event, to: socket, log)
    }

    /// Writes the event that carries nothing but usage.
    func writeUsage(_ usage: EngineUsage, to socket: Socket, _ log: AttemptLog?) {
        var event: [UInt8] = []
        event.append("data: {\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":")
        Self.append(usage, to: &event)
        event.append("}\n\n")
        writePiece(event, to: socket, log)
    }

    /// Writes what ends a stream.
    func writeDone(to socket: Socket, _ log: AttemptLog?) {
        writePiece(Array("data: [DONE]\n\n".utf8), to: socket, log)
    }

    /// Writes the end of the framing.
    func writeEnd(to socket: Socket) {
        if isChunked { socket.write("0\r\n\r\n") }
    }

    /// The answer in one piece.
    func document(_ usage: EngineUsage, model: String) -> [UInt8] {
        var body: [UInt8] = []
        body.append("{\"id\":\"chatcmpl\",\"object\":\"chat.completion\",\"model\":\"")
        body.append(model)
        body.append(
            "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"")
        for index in 0..<usage.outputTokens { Self.appendToken(index, seed, to: &body) }
        body.append("\"},\"finish_reason\":\"stop\"}],\"usage\":")
        Self.append(usage, to: &body)
        body.append("}")
        return body
    }

    private func writePiece(_ event: [UInt8], to socket: Socket, _ log: AttemptLog?) {
        if isChunked {
            var head: [UInt8] = []
            head.appendHexadecimal(event.count)
            head.append("\r\n")
            socket.write(head)
        }
        socket.write(event)
        if isChunked { socket.write("\r\n") }
        log?.produced.append(contentsOf: event)
    }

    private static func append(_ usage: EngineUsage, to out: inout [UInt8]) {
        out.append("{\"prompt_tokens\":")
        out.appendDecimal(usage.promptTokens)
        out.append(",\"completion_tokens\":")
        out.appendDecimal(usage.outputTokens)
        out.append(",\"total_tokens\":")
        out.appendDecimal(usage.promptTokens + usage.outputTokens)
        out.append(",\"prompt_tokens_details\":{\"cached_tokens\":")
        out.appendDecimal(usage.cachedTokens)
        out.append("}}")
    }

    /// Makes `event` that of token `index`.
    private func setToken(_ index: Int) {
        var bits = StableHash.mix(seed &+ UInt64(index + said))
        for place in textAt + 1..<textAt + Self.tokenBytes {
            event[place] = UInt8(ascii: "a") &+ UInt8(truncatingIfNeeded: bits % 26)
            bits /= 26
        }
    }

    /// A blank and four letters that depend on the answer and the place.
    private static func appendToken(_ index: Int, _ seed: UInt64, to out: inout [UInt8]) {
        var bits = StableHash.mix(seed &+ UInt64(index))
        out.append(UInt8(ascii: " "))
        for _ in 0..<4 {
            out.append(UInt8(ascii: "a") &+ UInt8(truncatingIfNeeded: bits % 26))
            bits /= 26
        }
    }
}
