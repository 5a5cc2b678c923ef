// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// Holds what a caller is given against what the server said.
///
/// What comes must be the beginning of what was said, byte for byte. Behind a whole number of
/// events the mesh may put one event of its own, an error; then the answer must not end as if it
/// were whole.
struct AnswerCheck {
    /// What the server said; nil when the mesh answers itself.
    var log: AttemptLog?
    /// What the words must be, where every server says the same; nil elsewhere.
    var words: WordCheck?
    /// Bytes that came and are the server's.
    private(set) var delivered = 0
    /// What came behind them.
    private var tail: [UInt8] = []

    /// Takes the next bytes of the answer's payload.
    mutating func take(_ payload: RawSpan, _ world: World) {
        if words != nil {
            words?.take(payload, world)
            return
        }
        guard let log, world.options.verifies else {
            delivered += payload.byteCount
            return
        }
        guard tail.isEmpty else {
            tail.append(payload)
            checkTail(log, world)
            return
        }
        let common = Self.common(payload, log.produced, from: delivered)
        delivered += common
        guard common < payload.byteCount else { return }
        // What differs may only begin between two events; what looked equal of it was chance.
        let boundary = Self.boundary(log.produced, before: delivered)
        tail.append(contentsOf: log.produced[boundary..<delivered])
        tail.append(payload.extracting(common..<payload.byteCount))
        delivered = boundary
        checkTail(log, world)
    }

    /// What follows the server's bytes can only be an error event of the mesh, or its beginning.
    private func checkTail(_ log: AttemptLog, _ world: World) {
        let isAllowed = ["data: {\"error\":", "data: [DONE]\n\n"].contains { text in
            let mark = Array(text.utf8)
            let count = min(mark.count, tail.count)
            return tail[..<count] == mark[..<count]
        }
        if log.eventBytes == 0 || !isAllowed {
            let seen = String(decoding: tail.prefix(80), as: UTF8.self)
            world.breach(
                "bytes pass unchanged",
                "request \(log.request) was given \(seen) at byte \(delivered) of its answer, "
                    + "where the server said something else")
        }
    }

    /// The framing says that nothing is missing.
    func expectWhole(_ world: World) {
        if let words {
            words.expectWhole(world)
            return
        }
        guard let log, world.options.verifies, log.status > 0 else { return }
        if isBehindFinish(log) { return }
        guard log.isWhole, delivered == log.produced.count, tail.isEmpty else {
            world.breach(
                "a cut answer never looks whole",
                "request \(log.request) took \(delivered) bytes for the whole answer; the server "
                    + "said \(log.produced.count)" + (log.isWhole ? "" : " and did not end"))
            return
        }
    }

    /// Whether all words and the reason for the end came, and only what servers say behind that
    /// did not.
    private func isBehindFinish(_ log: AttemptLog) -> Bool {
        guard log.eventBytes > 0 else { return false }
        let end = Array("data: [DONE]\n\n".utf8)
        let said = log.produced[..<delivered]
        let events = said.split(separator: UInt8(ascii: "\n"))
        let hasFinish = events.suffix(2).contains { line in
            let text = Array(line)
            return unsafe UsageScanner.hasFinishReason(inEvent: text.span.bytes)
        }
        return hasFinish && tail == end
    }

    /// How many bytes of `payload` are those of `produced` from `start` on.
    private static func common(_ payload: RawSpan, _ produced: [UInt8], from start: Int) -> Int {
        let most = min(payload.byteCount, produced.count - start)
        let said = unsafe produced.span.bytes.extracting(start..<start + most)
        if payload.extracting(0..<most).equals(said) { return most }
        var i = 0
        while i < most, payload[i] == said[i] { i += 1 }
        return i
    }

    /// Where the last event before `end` is complete.
    private static func boundary(_ produced: [UInt8], before end: Int) -> Int {
        var at = end
        while at > 1 {
            if produced[at - 1] == UInt8(ascii: "\n"), produced[at - 2] == UInt8(ascii: "\n") {
                return at
            }
            at -= 1
        }
        return 0
    }
}
