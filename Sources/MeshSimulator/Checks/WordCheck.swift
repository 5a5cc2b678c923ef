// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// Holds the words that a caller is given against the words that any server would have said.
///
/// Where servers always say the same, an answer that several of them wrote must be the one that
/// a single one would have written: the same words under one name, one reason for the end, one
/// end. Bytes between may differ.
struct WordCheck {
    let request: Int
    private let words: [UInt8]
    private var buffer: [UInt8] = []
    private var at = 0
    private var name: [UInt8]?
    private var finishes = 0
    private var isDone = false
    private var hasError = false

    /// Tokens that came.
    var tokens: Int { at / AnswerText.tokenBytes }

    /// The check of the answer to `request`, of so many tokens.
    init(request: Int, tokens: Int) {
        self.request = request
        words = AnswerText.text(seed: UInt64(request), count: tokens)
    }

    /// Takes the next bytes of the answer's payload.
    mutating func take(_ payload: RawSpan, _ world: World) {
        buffer.append(payload)
        var start = 0
        var i = 1
        while i < buffer.count {
            if buffer[i] == UInt8(ascii: "\n"), buffer[i - 1] == UInt8(ascii: "\n") {
                take(event: Array(buffer[start..<i - 1]), world)
                start = i + 1
                i += 1
            }
            i += 1
        }
        buffer.removeFirst(min(start, buffer.count))
    }

    private mutating func take(event: [UInt8], _ world: World) {
        if event.first == UInt8(ascii: ":") || event.isEmpty { return }
        if isDone || hasError { return complain("something came behind its end", world) }
        let text = unsafe event.span.bytes
        guard text.hasPrefix("data: ") else { return complain("a line that is no event", world) }
        let data = text.extracting(6..<text.byteCount)
        if data.equals("[DONE]") {
            isDone = true
            return
        }
        guard let read = try? AnswerEvent(data) else { return complain("no JSON", world) }
        if read.isError {
            hasError = true
            return
        }
        if read.choices == 0 { return }
        let id = read.id.map { data.extracting($0.range).array }
        if name == nil { name = id }
        if id != name { complain("it changed its name", world) }
        if let range = read.text {
            let said = data.extracting(range.range).array
            let rest = words[at...].prefix(said.count)
            if !rest.elementsEqual(said) || finishes > 0 {
                complain("word \(tokens) is another one", world)
            }
            at = min(words.count, at + said.count)
        }
        if read.finish != nil { finishes += 1 }
    }

    /// The framing says that nothing is missing.
    func expectWhole(_ world: World) {
        guard at == words.count, finishes == 1, isDone, !hasError, buffer.isEmpty else {
            complain(
                "it looks whole after \(at) of \(words.count) bytes of text, "
                    + "\(finishes) reasons for an end" + (isDone ? "" : " and none"), world)
            return
        }
    }

    private func complain(_ what: String, _ world: World) {
        world.breach("words are those of one server", "request \(request): \(what)")
    }
}
