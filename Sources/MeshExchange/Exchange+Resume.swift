// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshDialects
import MeshRouting
import MeshSnapshot
import MeshTelemetry
import MeshWire

/// An answer that broke off after the caller was given some of it goes on at another endpoint.
///
/// ```
///  relaying ──(broke off)──> dispatched ──> sent ──> relaying ──> …
///      │                         │            └──(no answer to go on with)──> another endpoint
///      └──(cannot be continued)──┴──> the caller is told that it is not whole
/// ```
///
/// The endpoint is chosen by the same `dispatch` as any other; only what a target must be able to
/// do is more (`suits`).
extension Exchange {
    /// How far an answer that may be continued has come.
    var resumeState: ResumeState? {
        switch reading {
        case .recorded(let summary): return summary.resume
        case .stream: return log.map { ResumeState($0) }
        case .nothing, .document: return nil
        }
    }

    /// Keeps a log of the answer that begins, where the model allows it to be continued.
    mutating func keepLog() {
        log = nil
        guard operation.streams, let policy = snapshot.models[Int(model)].continuation,
            (1...ResumeLog.choicesMax).contains(answersAsked)
        else { return }
        log = ResumeLog(
            bytesMax: policy.bufferBytesMax, choices: answersAsked,
            isResponse: operation == .responses)
    }

    /// How many answers run beside each other in the stream.
    var answersAsked: Int {
        let each = max(1, facts?.n ?? 1)
        switch operation {
        case .chat: return each
        case .textCompletion:
            let (all, isOver) = each.multipliedReportingOverflow(by: max(1, facts?.prompts ?? 1))
            return isOver ? .max : all
        case .none, .responses, .embeddings, .rerank, .tokenize, .models: return 1
        }
    }

    /// How `target` could go on with the answer; nil when it cannot.
    func resumeMethod(on target: ModelTarget) -> ResumeLog.Method? {
        guard let state = resumeState, let needs,
            let policy = snapshot.models[Int(model)].continuation
        else { return nil }
        if appends(state, needs, to: target) { return .append }
        return policy.restarts ? .restart : nil
    }

    private func appends(
        _ state: ResumeState, _ needs: RequestNeeds, to target: ModelTarget
    ) -> Bool {
        // A grammar or schema would begin anew behind what was said; a thought is not text.
        guard !needs.isFormed, !state.hasReasoning, state.bytes > 0, state.isDivided != true else {
            return false
        }
        // With no token left to say, only the reason for the end is missing.
        if let bound = facts?.maxTokens, bound <= state.tokens { return false }
        switch operation {
        case .chat: return target.capabilities.prefill != .none && needs.messagesEnd != nil
        case .textCompletion: return needs.prompt != nil && !needs.isEchoed
        case .responses:
            switch target.capabilities.prefill {
            case .assistantMessage, .continueFinalMessage: return needs.input != nil
            case .none, .prefixFlag: return false
            }
        case .none, .embeddings, .rerank, .tokenize, .models: return false
        }
    }

    /// An answer that was passed on broke off: another endpoint goes on with it, or the caller is
    /// told that it is not whole.
    mutating func loseAnswer(
        _ refusal: Refusal, _ result: AttemptResult, shard: inout Shard, at now: Instant
    ) -> Step {
        if let step = resume(result, shard: &shard, at: now) { return step }
        return breakAnswer(refusal, result, shard: &shard, at: now)
    }

    private mutating func resume(
        _ result: AttemptResult, shard: inout Shard, at now: Instant
    ) -> Step? {
        guard let state = resumeState, let policy = snapshot.models[Int(model)].continuation,
            state.obstacle == nil, !state.isFinished, state.resumptions < policy.attempts,
            canReplay, now < requestDeadline
        else {
            sayWhyNot(now)
            return nil
        }
        let known = shard.number(of: backend, in: snapshot)
        let isAllowed = shard.fleet.allowRetry(backend: known, policy: retry, at: now)
        guard tape?.budget(isAllowed) ?? isAllowed else {
            tape?.say(.forward, "the retry budget of the backend is used up")
            shard.metrics.mesh.retryBudgetExhausted += 1
            return nil
        }
        tape?.say(
            .forward,
            "the answer broke off after \(state.tokens) tokens, \(state.bytes) bytes; "
                + "another endpoint goes on with it")
        endAttempt(.failure, result, shard: &shard, at: now)
        shard.countRetry(.resume, backend: known)
        record.flags.insert(.resumed)
        log?.brokeOff()
        isResuming = true
        isPaused = false
        attemptsOnTarget = 0
        if let pick { tried.insert(pick.slot) }
        var step: Step
        if let target = currentTarget, suits(target) {
            step = dispatch(shard: &shard, at: now)
        } else if let next = nextTarget(shard: &shard, at: now) {
            step = next
        } else {
            return nil
        }
        step.abandonsUpstream = true
        return step
    }

    private func sayWhyNot(_ now: Instant) {
        guard let tape else { return }
        guard let state = resumeState, let policy = snapshot.models[Int(model)].continuation else {
            return
        }
        if let obstacle = state.obstacle {
            tape.say(.forward, "the answer cannot go on elsewhere: \(obstacle)")
        } else if state.resumptions >= policy.attempts {
            tape.say(.forward, "the answer was continued \(state.resumptions) times already")
        } else if now >= requestDeadline {
            tape.say(.forward, "no time is left to go on elsewhere")
        }
    }

    /// An endpoint was chosen that goes on with the answer.
    mutating func beginResumption() {
        guard isResuming, let target = currentTarget, let method = resumeMethod(on: target) else {
            return
        }
        tape?.say(
            .forward,
            method == .append
                ? "it is told what was said and says what follows"
                : "it answers from the beginning, and what was said before is left out")
        log?.goOn(by: method)
    }

    /// The head of the answer of an endpoint that is to go on with one was read.
    mutating func resumeAnswer(
        _ head: borrowing ResponseHead, _ bytes: RawSpan, shard: inout Shard, at now: Instant
    ) -> Step {
        if head.status == 200, isStream(head, bytes) {
            phase = .relaying
            isResuming = false
            reading = .stream(RelayBox(makeRelay()))
            waitForAnswer(at: now)
            var step = Step()
            step.relaysBody = true
            step.writesBody = true
            shard.output.removeAll(keepingCapacity: true)
            appendPathComment(to: &shard.output)
            record.bytesOut &+= UInt64(shard.output.count)
            return step
        }
        let isServers = head.status >= 500 || head.status < 400
        endAttempt(
            isServers ? .failure : .success, isServers ? .serverError : .success, shard: &shard,
            at: now)
        if var step = tryAgain(
            allowed: true, .status, retryAfter: nil, shard: &shard, at: now)
        {
            step.abandonsUpstream = true
            return step
        }
        return breakAnswer(Refusal(.streamTruncated), .reset, shard: &shard, at: now)
    }

    /// A comment, which readers of event streams pass over: who goes on with the answer.
    private func appendPathComment(to out: inout [UInt8]) {
        out.append(": resumed by backend ")
        out.append(snapshot.backends[Int(backend)].name)
        if let name = upstreamModel, !name.contains(where: { $0 < 0x20 }) {
            out.append(", model ")
            out.append(contentsOf: name)
        }
        out.append("\n\n")
    }

    /// The edits by which an endpoint goes on with the answer.
    func appendResumption(to edits: inout BodyEdits, _ body: RawSpan) {
        guard let log, log.method == .append, let needs, let target = currentTarget else { return }
        edits.insertAnswer(
            log.text, tokens: log.tokens, needs: needs, facts: facts, body: body,
            operation: operation, prefill: PrefillForm(target.capabilities.prefill))
    }
}

extension PrefillForm {
    /// How a request says that the answer goes on from its last message.
    init(_ prefill: Prefill) {
        switch prefill {
        case .none, .assistantMessage: self = .assistantMessage
        case .continueFinalMessage: self = .continueFinalMessage
        case .prefixFlag: self = .prefixFlag
        }
    }
}

/// How far an answer that may be continued has come: what decisions need to know of its log.
package struct ResumeState: Codable, Hashable, Sendable {
    /// Bytes of text and thought that the caller was given.
    package var bytes: Int
    /// Tokens of them.
    package var tokens: Int
    /// Whether some of it is thought.
    package var hasReasoning: Bool
    /// Whether the caller was told why the answer ended.
    package var isFinished: Bool
    /// How often another endpoint went on with it.
    package var resumptions: Int
    /// Why it cannot be continued, or nil when it can.
    package var obstacle: String?
    /// True when it is more than one text, so that nobody could say what follows; else nil.
    package var isDivided: Bool?

    init(_ log: ResumeLog) {
        bytes = log.bytes
        tokens = log.tokens
        hasReasoning = log.hasThought
        isFinished = log.isFinished
        resumptions = log.resumptions
        obstacle = log.obstacle?.rawValue
        isDivided = log.isOneText ? nil : true
    }
}
