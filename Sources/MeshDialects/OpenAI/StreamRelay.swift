// SPDX-License-Identifier: Apache-2.0

import MeshBasics
package import MeshWire

/// Passes an event stream on event by event, reads its usage, and knows whether it is whole.
///
/// In the steady state every read holds whole events that all pass: `consume` then answers
/// `.unchanged` and the driver forwards the bytes it has. Bytes are copied only when a read ends
/// inside an event, or when an event is left out.
///
/// Invariant: what has been given out is always a whole number of events, each of them with JSON
/// for its data, so an error event can be put behind it at any time; and a stream that lacks its
/// end is never called complete.
package struct StreamRelay: Sendable {
    /// What to forward of the bytes just given.
    package enum Verdict: Sendable, Hashable {
        /// All of them, as they are.
        case unchanged
        /// What was appended to `out` instead (perhaps nothing).
        case replaced
        /// The same, and then nothing more: see `fault`.
        case broken
    }

    /// Why a stream must not go on.
    package enum Fault: String, Sendable, Hashable {
        /// An event is larger than the bound.
        case tooLarge = "too-large"
        /// An event is not JSON.
        case malformed
        /// The server reports a failure in place of an answer.
        case reported
        /// A server that goes on with an answer contradicts what was said.
        case diverged
        /// The server says that nothing follows, and never said why the answer ended.
        case unfinished
    }

    private var scanner: EventScanner
    private var template = EventTemplate()
    /// The bytes of an event whose end has not come yet.
    private var held: [UInt8] = []
    /// Whether the chunk that carries nothing but usage is left out, because only the mesh asked
    /// for it.
    private let stripsUsage: Bool
    private let endsByType: Bool
    /// Choices that must say why they ended before the stream is whole without `[DONE]`.
    private let choices: Int
    private var finishes = 0
    /// Whether `[DONE]` alone is no end: some choice must have said why it ended. Servers that
    /// never say why are heard, unless what they write is to be gone on with.
    package var needsReason = false
    /// Whether an event by which the server reports a failure is kept back instead of passed on.
    package var stopsAtReports = false
    /// Whether the stream said in so many words that nothing follows: unlike `isComplete`, a
    /// finish reason is not enough, for other choices may go on.
    package private(set) var isTerminated = false
    /// Usage as last reported by the stream.
    package private(set) var usage: TokenUsage?
    /// Events with data that were passed on.
    package private(set) var dataEvents = 0
    /// Whether one of them said anything but that an answer begins, as the first ones of the
    /// Responses API do.
    package private(set) var hasTold = false
    /// Whether the stream said that it is finished: `[DONE]`, a finish reason of each choice, a
    /// terminal event of the Responses API, or an error event of the upstream.
    package private(set) var isComplete = false
    /// Whether `[DONE]` was passed on, behind which nothing may follow.
    package private(set) var sawDone = false
    /// Whether a failure that the server reported was passed on.
    package private(set) var sawReport = false
    /// Why the stream must not go on, or nil.
    package private(set) var fault: Fault?
    /// The data of the event that reports a failure and was kept back.
    package private(set) var report: [UInt8] = []

    /// A relay at the start of a stream.
    ///
    /// **Shape** with `endsByType` the stream is one of the Responses API, whose last event says
    /// so in its `type`. `choices` is how many answers were asked for.
    package init(
        eventBytesMax: Int, stripsUsage: Bool, endsByType: Bool = false, choices: Int = 1
    ) {
        scanner = EventScanner(eventBytesMax: eventBytesMax)
        self.stripsUsage = stripsUsage
        self.endsByType = endsByType
        self.choices = choices
    }

    /// Takes the next bytes of the stream. With a `log`, notes what is given out, and puts what
    /// comes into the shape that it asks for.
    package mutating func consume(
        _ bytes: RawSpan, log: ResumeLog? = nil, into out: inout [UInt8]
    ) -> Verdict {
        if fault != nil { return .broken }
        if held.isEmpty {
            guard let whole = scan(bytes, isHeld: false, log, into: &out) else {
                return .unchanged
            }
            if fault != nil { return .broken }
            held.append(bytes.extracting(whole..<bytes.byteCount))
            return .replaced
        }
        // Appended in place: an event that comes in many reads is copied once.
        var work: [UInt8] = []
        swap(&work, &held)
        work.append(bytes)
        let whole = scan(unsafe work.span.bytes, isHeld: true, log, into: &out) ?? 0
        if fault != nil { return .broken }
        if whole > 0 { work.removeFirst(whole) }
        swap(&work, &held)
        return .replaced
    }

    /// The stream has ended. Appends what was still held back when it may be passed on, which is
    /// when the stream said before that it is finished.
    package mutating func finish(log: ResumeLog? = nil, into out: inout [UInt8]) {
        if !held.isEmpty { observeUnterminated() }
        if isComplete, fault == nil {
            log?.end(into: &out)
            out.append(contentsOf: held)
        }
        held = []
    }

    /// Gives out the whole events of `bytes`; answers where the last of them ends, or nil when all
    /// of `bytes` pass as they are and nothing was appended.
    private mutating func scan(
        _ bytes: RawSpan, isHeld: Bool, _ log: ResumeLog?, into out: inout [UInt8]
    ) -> Int? {
        var offset = 0
        var whole = 0
        var copied = 0
        var leftOut = false
        do throws(EventFault) {
            while true {
                if let end = endOfLike(bytes, at: offset, log) {
                    offset = end
                    whole = end
                    continue
                }
                guard
                    case .event(let event, let data, let lines, let isDone) =
                        try scanner.next(bytes, at: &offset)
                else { break }
                var judgement = Judgement.pass
                if sawDone || endsByType && isTerminated && !isDone && !data.isEmpty {
                    judgement = .leaveOut
                } else if isDone, lacksEnd {
                    fault = .unfinished
                    judgement = .stop
                } else if isDone {
                    sawDone = true
                    isComplete = true
                    isTerminated = true
                    if let log {
                        out.append(bytes.extracting(copied..<event.start))
                        copied = event.start
                        leftOut = true
                        log.end(into: &out)
                    }
                } else if !data.isEmpty {
                    let text = bytes.extracting(data.range)
                    judgement =
                        lines == 1
                        ? judge(text) : judgeLines(of: event, in: bytes)
                    if lines == 1, judgement == .pass {
                        template.learn(event, data: data, in: bytes)
                    }
                    if let log, judgement == .pass {
                        out.append(bytes.extracting(copied..<event.start))
                        copied = event.start
                        leftOut = true
                        judgement = take(event, text, lines, in: bytes, log, into: &out)
                    }
                }
                switch judgement {
                case .pass: whole = event.end
                case .leaveOut:
                    out.append(bytes.extracting(copied..<event.start))
                    copied = event.end
                    whole = event.end
                    leftOut = true
                case .stop:
                    out.append(bytes.extracting(copied..<event.start))
                    return event.start
                }
            }
        } catch {
            fault = .tooLarge
            out.append(bytes.extracting(copied..<whole))
            return whole
        }
        if !isHeld, !leftOut, whole == bytes.byteCount { return nil }
        out.append(bytes.extracting(copied..<whole))
        return whole
    }

    private enum Judgement { case pass, leaveOut, stop }

    /// Whether the answer has begun and the server never said that it has ended.
    private var lacksEnd: Bool {
        dataEvents > 0 && !isTerminated && (endsByType || needsReason && finishes == 0)
    }

    /// Where the next event ends if it is like one that was read in full and passed: then it
    /// passes too, and there is nothing more to be read in it.
    @inline(__always)
    private mutating func endOfLike(_ bytes: RawSpan, at offset: Int, _ log: ResumeLog?) -> Int? {
        guard scanner.isBetweenEvents, !sawDone, let like = template.like(bytes, at: offset),
            scanner.allows(like.end &- offset)
        else { return nil }
        if let log {
            let said = bytes.extracting(like.text.range)
            guard log.takeMore(said, isThought: template.isThought) else { return nil }
        }
        dataEvents += 1
        hasTold = true
        return like.end
    }

    /// Reads one event's data.
    @inline(__always)
    private mutating func judge(_ data: RawSpan) -> Judgement {
        guard let facts = UsageScanner.checkedFacts(inEvent: data) else {
            fault = .malformed
            return .stop
        }
        if let found = facts.usage {
            usage = found.usage
            if found.isUsageOnly, stripsUsage { return .leaveOut }
        }
        let ending = ending(of: data)
        if facts.isError || ending == .error {
            if stopsAtReports {
                fault = .reported
                report = data.array
                return .stop
            }
            sawReport = true
            isTerminated = true
        }
        dataEvents += 1
        if ending != .opening { hasTold = true }
        if ending == .end { isTerminated = true }
        if facts.hasFinishReason { finishes += 1 }
        if finishes >= choices || isTerminated { isComplete = true }
        return .pass
    }

    /// The same for an event whose data is more than one line.
    private mutating func judgeLines(of event: ByteRange, in bytes: RawSpan) -> Judgement {
        var joined: [UInt8] = []
        scanner.appendData(of: event, in: bytes, to: &joined)
        return judge(unsafe joined.span.bytes)
    }

    /// Lets `log` decide about an event that may pass.
    private mutating func take(
        _ event: ByteRange, _ data: RawSpan, _ lines: Int, in bytes: RawSpan, _ log: ResumeLog,
        into out: inout [UInt8]
    ) -> Judgement {
        let verdict: ResumeLog.Verdict
        if lines == 1 {
            verdict = log.take(bytes.extracting(event.range), data: data, into: &out)
        } else {
            var joined: [UInt8] = []
            scanner.appendData(of: event, in: bytes, to: &joined)
            verdict = log.take(
                bytes.extracting(event.range), data: unsafe joined.span.bytes, into: &out)
        }
        switch verdict {
        case .pass, .preceded: return .pass
        case .replaced: return .leaveOut
        case .malformed: fault = .malformed
        case .diverged: fault = .diverged
        }
        dataEvents -= 1
        return .stop
    }

    /// What the `type` of an event of the Responses API says of the stream.
    private enum Ending { case opening, end, error }

    /// What the event's `type` says, where it stands first; else, in a stream that ends by it,
    /// wherever it stands, as some servers write it last.
    private func ending(of data: RawSpan) -> Ending? {
        if data.hasPrefix("{\"type\"") {
            var at = 7
            while at < data.byteCount, data[at] <= 0x20 || data[at] == UInt8(ascii: ":") { at += 1 }
            guard at < data.byteCount, data[at] == UInt8(ascii: "\"") else { return nil }
            return Self.named(data.extracting(at + 1..<data.byteCount), opens: endsByType)
        }
        return endsByType ? Self.endingAnywhere(data) : nil
    }

    /// What a type that stands at the beginning of `rest`, its quote behind it, says.
    private static func named(_ rest: RawSpan, opens: Bool) -> Ending? {
        if rest.hasPrefix("response.") {
            let name = rest.extracting(9..<rest.byteCount)
            if name.hasPrefix("completed\"") || name.hasPrefix("incomplete\"") { return .end }
            if name.hasPrefix("failed\"") { return opens ? .error : .end }
            let isOpening =
                name.hasPrefix("created\"") || name.hasPrefix("in_progress\"")
                || name.hasPrefix("queued\"")
            return isOpening && opens ? .opening : nil
        }
        return opens && rest.hasPrefix("error\"") ? .error : nil
    }

    /// Within a string the quotes around `type` would be escaped, so what is found is a key.
    private static func endingAnywhere(_ data: RawSpan) -> Ending? {
        var from = 0
        while let quote = data.firstIndex(of: UInt8(ascii: "\""), from: from) {
            from = quote + 1
            let name = data.extracting(from..<data.byteCount)
            guard let found = named(name, opens: true) else { continue }
            var end = quote
            while end > 0, data[end - 1] <= 0x20 || data[end - 1] == UInt8(ascii: ":") { end -= 1 }
            guard end >= 6, data.extracting((end - 6)..<end).equals("\"type\"") else { continue }
            // Within an item anything may be called an error.
            guard found != .end, let object = try? JSONObject(data) else { return found }
            return object.value("type", in: data)?.start == quote ? found : nil
        }
        return nil
    }

    /// A last `data: [DONE]` without its blank line still ends a stream.
    private mutating func observeUnterminated() {
        let bytes = held
        let text = unsafe bytes.span.bytes
        guard text.hasPrefix("data:") else { return }
        var end = text.byteCount
        while end > 5, text[end - 1] == UInt8(ascii: "\n") || text[end - 1] == UInt8(ascii: "\r") {
            end -= 1
        }
        let start = end > 5 && text[5] == UInt8(ascii: " ") ? 6 : 5
        if text.extracting(start..<end).equals("[DONE]"), !lacksEnd {
            sawDone = true
            isComplete = true
            isTerminated = true
        } else {
            // Half an event behind a stream that has ended is nothing that a caller could read.
            held = []
        }
    }
}
