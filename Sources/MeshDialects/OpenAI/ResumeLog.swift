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
/// Several answers that run beside each other (`n`) are kept each by itself.
///
/// A class, because an exchange whose answer may not be continued should carry one word for it.
/// Invariant: what is in the log was given out, but for what is held back; it never holds more
/// than `bytesMax` of either.
package final class ResumeLog {
    /// Text and thought together, and what is held back: bytes of each at most.
    let bytesMax: Int
    /// What was said of each answer, by its `index`.
    private(set) var choices: [SaidChoice]
    /// Whether the answer is one of the Responses API, and how it stands then.
    let isResponse: Bool
    var draft = ResponseDraft()
    /// Tokens that were given out, counted as events that carry some.
    package internal(set) var tokens = 0
    /// Why the answer cannot be continued, or nil when it can.
    package private(set) var obstacle: Obstacle?
    /// How often another server went on.
    package private(set) var resumptions = 0

    /// Literals of the first server's `id`, `created` and `model`.
    private var identity: Identity?
    /// Whole events that are held back.
    var held: [UInt8] = []
    /// How it stood before the first of them.
    private var safe: Standing?
    /// What the servers that broke off were asked and said.
    private var broken: [Part] = []
    var present = Part()
    /// How completions of the first server count where tokens stand, and of the present one.
    private var offsets = TokenOffsets()
    var isSpliced = false
    /// How the present server goes on; nil for the first one.
    package private(set) var method: Method?

    /// Why an answer cannot be continued.
    package enum Obstacle: String, Sendable, Hashable {
        /// More was said than `bytesMax`.
        case tooLong = "too-long"
        /// Several answers stand in one event.
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
    struct Part {
        /// Tokens of the answer that stood in its prompt.
        var base = 0
        /// Tokens that it said, those that were left out among them.
        var said = 0
    }

    private struct Standing {
        var choices: [SaidChoice]
        var draft: ResponseDraft
        var tokens: Int
    }

    /// The most answers beside each other that are kept: what the OpenAI API takes.
    package static var choicesMax: Int { 128 }

    /// An empty log that keeps `bytesMax` bytes of text and as many that are held back.
    ///
    /// **Shape** `choices` is how many answers run beside each other, 1 to `choicesMax`.
    package init(bytesMax: Int, choices: Int = 1, isResponse: Bool = false) {
        self.bytesMax = bytesMax
        self.isResponse = isResponse
        self.choices = Array(repeating: SaidChoice(), count: choices)
    }

    /// What the caller was given of the only answer, or of the text that a response came to, as
    /// contents of a JSON string.
    package var text: [UInt8] { isResponse ? draft.openText : choices[0].text }

    /// Whether some of what was given out is thought.
    package var hasThought: Bool {
        isResponse ? draft.hasThought : choices.contains { !$0.reasoning.isEmpty }
    }

    /// Whether the caller was told of every answer why it ended.
    package var isFinished: Bool {
        isResponse ? draft.isFinished : choices.allSatisfy(\.isFinished)
    }

    /// Whether what was given out is one text, so that another server could say what follows.
    package var isOneText: Bool { isResponse ? draft.isOneText : choices.count == 1 }

    /// Bytes of text and thought that were given out.
    package var bytes: Int {
        isResponse ? draft.bytes : choices.reduce(0) { $0 + $1.text.count + $1.reasoning.count }
    }

    /// Bytes of whole events that are held back.
    package var heldBytes: Int { held.count }

    /// The number that the next event of a response has.
    package var nextNumber: Int { draft.number }

    /// The server broke off. What was held back is forgotten, for nobody was given it.
    package func brokeOff() {
        broken.append(present)
        present = Part()
        if let safe, !held.isEmpty {
            (choices, draft, tokens) = (safe.choices, safe.draft, safe.tokens)
        }
        safe = nil
        held.removeAll()
        resumptions += 1
    }

    /// Another server goes on by `method`, or would: one that never answers is followed by the
    /// next.
    package func goOn(by method: Method) {
        self.method = method
        isSpliced = true
        present = Part(base: method == .append ? tokens : 0)
        offsets.goOn(behind: method == .append ? choices[0].text : [])
        let isAnew = method == .restart
        for index in choices.indices {
            choices[index].skip = isAnew ? SaidChoice.Skip(choices[index]) : nil
        }
        draft.goOn(anew: isAnew)
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
        if isResponse { return takeResponse(event, data, into: &out) }
        guard let read = try? AnswerEvent(data) else { return .malformed }
        if read.isError { return .pass }
        guard let count = read.choices, count > 0 else {
            guard isSpliced else { return .pass }
            var edits = BodyEdits()
            identify(read, in: &edits)
            write(data, edits, to: &out)
            return .replaced
        }
        guard count == 1, read.index < choices.count else {
            obstruct(.severalChoices)
            return isSpliced ? .diverged : pass(into: &out)
        }
        if read.hasOther { obstruct(.otherContent) }
        if read.saysSomething { present.said += 1 }
        if held.isEmpty, obstacle == nil, read.hasToolCall, read.finish == nil { keepSafe() }
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
        if isThought {
            choices[0].reasoning.append(said)
        } else {
            choices[0].text.append(said)
        }
        tokens += 1
        if bytes > bytesMax { obstruct(.tooLong) }
        return true
    }

    /// The stream says that nothing follows: what is held back goes out in front of that.
    package func end(into out: inout [UInt8]) {
        guard !held.isEmpty else { return }
        giveHeld(to: &out)
        // Half of a tool call may be among it, which no other server could complete.
        obstruct(.otherContent)
    }

    /// An event of the first server.
    private func keep(
        _ read: AnswerEvent, _ event: RawSpan, _ data: RawSpan, into out: inout [UInt8]
    ) -> Verdict {
        if identity == nil { keepIdentity(read, data) }
        if let range = read.probabilities { offsets.note(data, range) }
        note(
            read, text: read.text.map { data.extracting($0.range).array },
            reasoning: read.reasoning.map { data.extracting($0.range).array })
        let before = out.count
        if holds(isCallOpen, event.byteCount, into: &out) {
            held.append(event)
            return .replaced
        }
        return out.count > before ? .preceded : .pass
    }

    /// An event of a server that goes on: named like those before, without what was said before.
    private func splice(
        _ read: AnswerEvent, _ data: RawSpan, into out: inout [UInt8]
    ) -> Verdict {
        // Of an answer that has ended nobody needs to hear again.
        guard !choices[read.index].isFinished else { return .replaced }
        var text = read.text.map { data.extracting($0.range).array }
        var thought = read.reasoning.map { data.extracting($0.range).array }
        var edits = BodyEdits()
        guard skip(read, &text, &thought, data, &edits) else {
            obstruct(.diverged)
            return .diverged
        }
        let isEmpty = (text ?? []).isEmpty && (thought ?? []).isEmpty
        let givesRole = read.role != nil && !choices[read.index].hasBegun
        guard !isEmpty || read.hasToolCall || read.hasOther || read.finish != nil || givesRole
        else { return .replaced }
        identify(read, in: &edits)
        if let range = read.role, !givesRole { edits.insert(range, []) }
        if let range = read.text { edits.insert(range, text ?? []) }
        if let range = read.reasoning { edits.insert(range, thought ?? []) }
        if let range = read.probabilities, method == .append {
            offsets.shift(data, range, in: &edits)
        }
        note(read, text: text, reasoning: thought)
        var event: [UInt8] = []
        write(data, edits, to: &event)
        if holds(isCallOpen, event.count, into: &out) {
            held.append(contentsOf: event)
        } else {
            out.append(contentsOf: event)
        }
        return .replaced
    }

    /// Leaves out what was given out before; answers false when this is something else.
    private func skip(
        _ read: AnswerEvent, _ text: inout [UInt8]?, _ thought: inout [UInt8]?, _ data: RawSpan,
        _ edits: inout BodyEdits
    ) -> Bool {
        guard var left = choices[read.index].skip else { return true }
        guard let skipped = left.leaveOut(&text, &thought), left.isOver || read.finish == nil,
            left.isOver || !read.hasToolCall
        else { return false }
        choices[read.index].skip = left.isOver ? nil : left
        // What goes on from one of the two before the other is complete went another way.
        guard left.isOver || (text ?? []).isEmpty && (thought ?? []).isEmpty else { return false }
        guard skipped > 0, text?.isEmpty == false, let range = read.probabilities else {
            return true
        }
        // Of tokens whose text is left out nothing more is told.
        guard let gone = TokenProbabilities(data, range)?.leavingOut(skipped) else { return false }
        for range in gone { edits.insert(range, []) }
        return true
    }

    /// Notes what an event says that is given out, or held back.
    private func note(_ read: AnswerEvent, text: [UInt8]?, reasoning: [UInt8]?) {
        let index = read.index
        choices[index].hasBegun = true
        if read.finish != nil {
            choices[index].isFinished = true
            choices[index].callsTool = false
        } else if read.hasToolCall {
            choices[index].callsTool = true
        }
        guard obstacle == nil else { return }
        if let text { choices[index].text.append(contentsOf: text) }
        if let reasoning { choices[index].reasoning.append(contentsOf: reasoning) }
        if text?.isEmpty == false || reasoning?.isEmpty == false || read.hasToolCall {
            tokens += 1
        }
        if bytes > bytesMax { obstruct(.tooLong) }
    }

    private var isCallOpen: Bool { choices.contains(where: \.callsTool) }

    /// Remembers how everything stands, in front of the first event of a tool call.
    func keepSafe() { safe = Standing(choices: choices, draft: draft, tokens: tokens) }

    /// Whether an event of `count` bytes waits until the tool calls are whole that were begun; if
    /// not, what waited is given out.
    func holds(_ isOpen: Bool, _ count: Int, into out: inout [UInt8]) -> Bool {
        if isOpen, obstacle == nil {
            if held.count + count <= bytesMax { return true }
            obstruct(.tooLong)
        }
        giveHeld(to: &out)
        return false
    }

    private func giveHeld(to out: inout [UInt8]) {
        guard !held.isEmpty else { return }
        out.append(contentsOf: held)
        held.removeAll()
        safe = nil
    }

    private func pass(into out: inout [UInt8]) -> Verdict {
        guard !held.isEmpty else { return .pass }
        giveHeld(to: &out)
        return .preceded
    }

    /// The answer can no longer be continued, so there is nothing to keep.
    func obstruct(_ reason: Obstacle) {
        obstacle = obstacle ?? reason
        for index in choices.indices {
            choices[index].text = []
            choices[index].reasoning = []
        }
        draft.forget()
    }

    // MARK: Writing

    private func keepIdentity(_ read: AnswerEvent, _ data: RawSpan) {
        identity = Identity(
            id: read.id.map { data.extracting($0.range).array },
            created: read.created.map { data.extracting($0.range).array },
            model: read.model.map { data.extracting($0.range).array })
    }

    /// The edits that give an event the first server's name, and its usage that of one answer.
    private func identify(_ read: AnswerEvent, in edits: inout BodyEdits) {
        if let range = read.id, let own = identity?.id { edits.insert(range, own) }
        if let range = read.created, let own = identity?.created { edits.insert(range, own) }
        if let range = read.model, let own = identity?.model { edits.insert(range, own) }
        if let range = read.usage, let tokens = read.tokens {
            edits.insert(range, usageObject(tokens, UsageNames.chat))
        }
    }

    /// Appends the event with the edited `data`.
    func write(_ data: RawSpan, _ edits: BodyEdits, to out: inout [UInt8]) {
        var line: [UInt8] = []
        edits.append(data, to: &line)
        out.append("data: ")
        // JSON needs no line breaks; in an event each would begin a field of its own.
        out.append(contentsOf: line.lazy.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 })
        out.append("\n\n")
    }

    /// What the caller is told of tokens: what one whole answer would have cost, and beside it
    /// what all servers together were asked and said.
    func usageObject(_ last: TokenUsage, _ names: UsageNames) -> [UInt8] {
        let prompt = last.input - min(last.input, UInt64(present.base))
        let (output, sum) = (last.output &+ UInt64(present.base), total(with: last))
        var out: [UInt8] = []
        func add(_ front: String, _ value: UInt64) {
            out.append(front)
            out.appendDecimal(Int(clamping: value))
        }
        add("{\"\(names.input)\":", prompt)
        add(",\"\(names.output)\":", output)
        add(",\"total_tokens\":", prompt &+ output)
        add(",\"\(names.input)_details\":{\"cached_tokens\":", min(last.cachedInput, prompt))
        if names.tellsReasoning || last.reasoningOutput > 0 {
            add("},\"\(names.output)_details\":{\"reasoning_tokens\":", last.reasoningOutput)
        }
        add("},\"pinion\":{\"resumptions\":", UInt64(resumptions))
        add(",\"\(names.input)\":", sum.input)
        add(",\"\(names.output)\":", sum.output)
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

/// What a usage object calls its counts.
struct UsageNames {
    let input: String
    let output: String
    /// Whether tokens of reasoning are told even when there are none.
    let tellsReasoning: Bool

    /// In chats and completions.
    static let chat = UsageNames(
        input: "prompt_tokens", output: "completion_tokens", tellsReasoning: false)
    /// In the Responses API.
    static let response = UsageNames(
        input: "input_tokens", output: "output_tokens", tellsReasoning: true)
}

extension AnswerEvent {
    /// Whether the event carries a token.
    fileprivate var saysSomething: Bool { text != nil || reasoning != nil || hasToolCall }
}
