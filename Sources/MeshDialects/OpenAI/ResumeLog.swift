// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// What a caller was given of a streamed answer, so that another server can go on where the first
/// one stopped, and the splice of the two into one stream.
///
/// ```
///  first server   id a │ The qui│ck brown │ ✗
///  log                   The quick brown
///  second server                id b │  fox │ jumps.│ stop
///  the caller     id a │ The qui│ck brown │ fox │ jumps.│ stop
/// ```
///
/// Text is kept as it stands in JSON strings: the contents of two strings behind each other are
/// the contents of one. Parts of tool calls are held back until the call is whole, so that the
/// caller never has half of one: before it, text ends at a place where another server can go on.
///
/// A class, because an exchange whose answer may not be continued should carry one word for it.
/// Invariant: what is in the log was given out; it never holds more than `bytesMax`.
package final class ResumeLog {
    /// Text and thought together, and what is held back: bytes of each at most.
    private let bytesMax: Int
    /// What the caller was given of the text, as contents of a JSON string.
    package private(set) var text: [UInt8] = []
    /// The same of what was thought.
    package private(set) var reasoning: [UInt8] = []
    /// Tokens of both, counted as events that carry some.
    package private(set) var tokens = 0
    /// Why the answer cannot be continued, or nil when it can.
    package private(set) var obstacle: Obstacle?
    /// Whether the caller was told why the answer ended.
    package private(set) var isFinished = false
    /// How often another server went on.
    package private(set) var resumptions = 0

    /// Literals of the first server's `id`, `created` and `model`.
    private var identity: Identity?
    /// Whole events that are held back, and the tokens in them.
    private var held: [UInt8] = []
    private var heldTokens = 0
    /// What the servers that broke off were asked and said.
    private var broken: [Part] = []
    private var present = Part()
    /// What is still to be left out of what the present server says.
    private var skip: Skip?
    private var isSpliced = false
    /// How the present server goes on; nil for the first one.
    package private(set) var method: Method?

    /// Why an answer cannot be continued.
    package enum Obstacle: String, Sendable, Hashable {
        /// More was said than `bytesMax`.
        case tooLong = "too-long"
        /// Several answers run beside each other.
        case severalChoices = "several-choices"
        /// Something was said that cannot be handed to another server.
        case otherContent = "other-content"
        /// What another server wrote is not what the caller was given.
        case diverged
    }

    /// How another server goes on.
    package enum Method: String, Sendable, Hashable {
        /// It is told what was said, and says what follows.
        case append
        /// It answers from the beginning, and what was given out before is left out.
        case restart
    }

    private struct Identity {
        var id: [UInt8]?
        var created: [UInt8]?
        var model: [UInt8]?
    }

    /// What one server was asked and said, in tokens.
    private struct Part {
        /// Tokens of the answer that stood in its prompt.
        var base = 0
        /// Tokens that it said, those that were left out among them.
        var said = 0
    }

    /// What is still to be left out of an answer that began anew: decoded, with how far it came.
    private struct Skip {
        var text: [UInt8]
        var reasoning: [UInt8]
        var textAt = 0
        var reasoningAt = 0

        var isOver: Bool { textAt == text.count && reasoningAt == reasoning.count }

        /// Takes out of what is said now what was said before, as contents of JSON strings.
        /// Answers false when it is something else.
        mutating func leaveOut(_ said: inout [UInt8]?, _ thought: inout [UInt8]?) -> Bool {
            Self.leaveOut(&said, text, at: &textAt)
                && Self.leaveOut(&thought, reasoning, at: &reasoningAt)
        }

        private static func leaveOut(
            _ said: inout [UInt8]?, _ all: [UInt8], at place: inout Int
        ) -> Bool {
            guard let contents = said, place < all.count else { return true }
            let plain = ResumeLog.decoded(contents)
            let common = min(plain.count, all.count - place)
            guard plain[..<common].elementsEqual(all[place..<place + common]) else {
                return false
            }
            place += common
            said = common == plain.count ? nil : ResumeLog.encoded(plain[common...])
            return true
        }
    }

    /// An empty log that keeps `bytesMax` bytes of text and as many that are held back.
    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Bytes of text and thought that were given out.
    package var bytes: Int { text.count + reasoning.count }

    /// Bytes of whole events that are held back.
    package var heldBytes: Int { held.count }

    /// The server broke off. What was held back is forgotten, for nobody was given it.
    package func brokeOff() {
        broken.append(present)
        present = Part()
        held.removeAll()
        heldTokens = 0
        resumptions += 1
    }

    /// Another server goes on by `method`, or would: one that never answers is followed by the
    /// next.
    package func goOn(by method: Method) {
        self.method = method
        isSpliced = true
        present = Part(base: method == .append ? tokens : 0)
        skip = nil
        guard method == .restart else { return }
        skip = Skip(text: Self.decoded(text), reasoning: Self.decoded(reasoning))
    }

    // MARK: Events

    /// What becomes of one event.
    package enum Verdict: Sendable, Hashable {
        /// It passes as it is.
        case pass
        /// What was appended to the output stands in front of it.
        case preceded
        /// What was appended to the output stands in its place, perhaps nothing.
        case replaced
        /// It is not one JSON object.
        case malformed
        /// It contradicts what the caller was given.
        case diverged
    }

    /// Takes one event of the answer.
    ///
    /// **Shape** `event` is all of it, `data` the JSON text in it.
    package func take(_ event: RawSpan, data: RawSpan, into out: inout [UInt8]) -> Verdict {
        guard let read = try? AnswerEvent(data) else { return .malformed }
        if read.isError { return .pass }
        guard let choices = read.choices, choices > 0 else {
            guard isSpliced else { return .pass }
            rewrite(data, read, text: nil, reasoning: nil, to: &out)
            return .replaced
        }
        if choices > 1 || read.index != 0 { obstruct(.severalChoices) }
        if read.hasOther { obstruct(.otherContent) }
        if read.text != nil || read.reasoning != nil || read.hasToolCall { present.said += 1 }
        return isSpliced
            ? splice(read, data, into: &out) : keep(read, event, data, into: &out)
    }

    /// Takes the text of an event that differs in nothing else from one that was taken and passed
    /// as it is, or with `isThought` the thought; answers false, and takes nothing, when the whole
    /// event is needed.
    package func takeMore(_ said: RawSpan, isThought: Bool) -> Bool {
        guard !isSpliced, held.isEmpty, identity != nil else { return false }
        present.said += 1
        guard obstacle == nil else { return true }
        if isThought { reasoning.append(said) } else { text.append(said) }
        noted(hasText: true)
        return true
    }

    /// The stream says that nothing follows: what is held back goes out in front of that.
    package func end(into out: inout [UInt8]) { giveHeld(to: &out) }

    /// An event of the first server.
    private func keep(
        _ read: AnswerEvent, _ event: RawSpan, _ data: RawSpan, into out: inout [UInt8]
    ) -> Verdict {
        if identity == nil { keepIdentity(read, data) }
        if holdsBack(read, event.byteCount) {
            held.append(event)
            heldTokens += 1
            return .replaced
        }
        if obstacle == nil {
            if let range = read.text { text.append(data.extracting(range.range)) }
            if let range = read.reasoning { reasoning.append(data.extracting(range.range)) }
            noted(hasText: read.text != nil || read.reasoning != nil)
        }
        if read.finish != nil { isFinished = true }
        guard !held.isEmpty else { return .pass }
        giveHeld(to: &out)
        return .preceded
    }

    /// An event of a server that goes on: named like those before, without what was said before.
    private func splice(
        _ read: AnswerEvent, _ data: RawSpan, into out: inout [UInt8]
    ) -> Verdict {
        var text = read.text.map { data.extracting($0.range).array }
        var thought = read.reasoning.map { data.extracting($0.range).array }
        if var left = skip {
            guard left.leaveOut(&text, &thought), left.isOver || read.finish == nil,
                left.isOver || !read.hasToolCall
            else {
                obstruct(.diverged)
                return .diverged
            }
            skip = left.isOver ? nil : left
            // What goes on from one of the two before the other is complete went another way.
            guard skip == nil || (text ?? []).isEmpty && (thought ?? []).isEmpty else {
                obstruct(.diverged)
                return .diverged
            }
        }
        let isEmpty = (text ?? []).isEmpty && (thought ?? []).isEmpty
        guard !isEmpty || read.hasToolCall || read.finish != nil else { return .replaced }
        var event: [UInt8] = []
        rewrite(data, read, text: text, reasoning: thought, to: &event)
        if holdsBack(read, event.count) {
            held.append(contentsOf: event)
            heldTokens += 1
            return .replaced
        }
        if obstacle == nil {
            if let text { self.text.append(contentsOf: text) }
            if let thought { reasoning.append(contentsOf: thought) }
            noted(hasText: !isEmpty)
        }
        if read.finish != nil { isFinished = true }
        giveHeld(to: &out)
        out.append(contentsOf: event)
        return .replaced
    }

    /// Whether an event of `count` bytes waits until the tool call it belongs to is whole.
    private func holdsBack(_ read: AnswerEvent, _ count: Int) -> Bool {
        guard obstacle == nil, read.finish == nil, read.hasToolCall || !held.isEmpty else {
            return false
        }
        if held.count + count <= bytesMax { return true }
        obstruct(.tooLong)
        return false
    }

    private func giveHeld(to out: inout [UInt8]) {
        guard !held.isEmpty else { return }
        out.append(contentsOf: held)
        held.removeAll()
        tokens += heldTokens
        heldTokens = 0
        // Half of a tool call may be among it, which no other server could complete.
        obstruct(.otherContent)
    }

    /// Something was noted of an event that is given out.
    private func noted(hasText: Bool) {
        if hasText { tokens += 1 }
        if bytes > bytesMax { obstruct(.tooLong) }
    }

    /// The answer can no longer be continued, so there is nothing to keep.
    private func obstruct(_ reason: Obstacle) {
        obstacle = obstacle ?? reason
        text = []
        reasoning = []
    }

    private func keepIdentity(_ read: AnswerEvent, _ data: RawSpan) {
        identity = Identity(
            id: read.id.map { data.extracting($0.range).array },
            created: read.created.map { data.extracting($0.range).array },
            model: read.model.map { data.extracting($0.range).array })
    }

    private static func decoded(_ contents: [UInt8]) -> [UInt8] {
        // What one server wrote in several strings may hold escapes that only fit together.
        (try? JSONStringDecoder.decode(unsafe contents.span.bytes)) ?? contents
    }

    /// The contents of a JSON string that stand for `plain`.
    private static func encoded(_ plain: ArraySlice<UInt8>) -> [UInt8] {
        var quoted: [UInt8] = []
        let bytes = Array(plain)
        quoted.appendJSONString(unsafe bytes.span.bytes)
        return Array(quoted.dropFirst().dropLast())
    }

    // MARK: Writing

    /// Appends the event with `data` under the first server's name, with this text and thought.
    private func rewrite(
        _ data: RawSpan, _ read: AnswerEvent, text: [UInt8]?, reasoning: [UInt8]?,
        to out: inout [UInt8]
    ) {
        var edits = BodyEdits()
        if let range = read.id, let own = identity?.id { edits.insert(range, own) }
        if let range = read.created, let own = identity?.created { edits.insert(range, own) }
        if let range = read.model, let own = identity?.model { edits.insert(range, own) }
        if let range = read.role { edits.insert(range, []) }
        if let range = read.text { edits.insert(range, text ?? []) }
        if let range = read.reasoning { edits.insert(range, reasoning ?? []) }
        if let range = read.usage, let tokens = read.tokens {
            edits.insert(range, usageObject(tokens))
        }
        var line: [UInt8] = []
        edits.append(data, to: &line)
        out.append("data: ")
        // JSON needs no line breaks; in an event each would begin a field of its own.
        out.append(contentsOf: line.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        out.append("\n\n")
    }

    /// What the caller is told of tokens: what one whole answer would have cost, and beside it
    /// what all servers together were asked and said.
    private func usageObject(_ last: TokenUsage) -> [UInt8] {
        let prompt = last.input - min(last.input, UInt64(present.base))
        let (output, sum) = (last.output &+ UInt64(present.base), total(with: last))
        var out: [UInt8] = []
        for (name, value) in [
            ("{\"prompt_tokens\":", prompt), (",\"completion_tokens\":", output),
            (",\"total_tokens\":", prompt &+ output),
            (",\"prompt_tokens_details\":{\"cached_tokens\":", min(last.cachedInput, prompt)),
            ("},\"pinion\":{\"resumptions\":", UInt64(resumptions)),
            (",\"prompt_tokens\":", sum.input), (",\"completion_tokens\":", sum.output),
        ] {
            out.append(name)
            out.appendDecimal(Int(clamping: value))
        }
        out.append("}}")
        return out
    }

    /// What all servers together were asked and said, when the last one reports `usage`.
    ///
    /// Those that broke off reported nothing: their tokens are counted as events.
    package func total(with usage: TokenUsage) -> TokenUsage {
        let prompt = usage.input - min(usage.input, UInt64(present.base))
        var sum = usage
        for part in broken {
            sum.input &+= prompt &+ UInt64(part.base)
            sum.output &+= UInt64(part.said)
        }
        sum.total = sum.input &+ sum.output
        return sum
    }
}
