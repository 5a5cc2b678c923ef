// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import NIOCore

/// One request for text on its way: reveals the pieces of its answers as the engine computes
/// them, and tells them through its reply.
///
/// With an interval of its own the engine only reads the prompts, and a timer reveals the pieces.
final class Generation {
    /// What the client asked.
    let request: GenerationRequest
    /// Where the answer goes.
    let reply: Reply
    /// The answers, in the order of their `index`.
    private(set) var answers: [Answer]
    /// The engine's names for the answers.
    private(set) var jobs: [EngineJob.ID] = []
    /// Set while the world has noted that this one has news to tell.
    var isTouched = false
    private unowned let world: ModelServerWorld
    private var script: StreamScript
    private let faults: ModelServerFaults
    private let startedAt = NIODeadline.now()
    private var lastTokenAt: [NIODeadline?]
    private var pacing: Scheduled<Void>?

    init(
        _ request: GenerationRequest, reply: Reply, faults: ModelServerFaults,
        frame: ResponseFrame, world: ModelServerWorld
    ) {
        self.request = request
        self.reply = reply
        self.faults = faults
        self.world = world
        var answers: [Answer] = []
        for prompt in request.prompts.indices {
            for choice in 0..<request.choices {
                answers.append(
                    Answer(
                        to: request, prompt: prompt, choice: choice, tokens: faults.tokens,
                        seed: world.options.seed))
            }
        }
        self.answers = answers
        script = StreamScript(request.surface, frame: frame, answers: answers.count)
        lastTokenAt = Array(repeating: nil, count: answers.count)
    }

    /// Hands the answers to the engine and begins to tell.
    ///
    /// **Errors**: what the engine refuses; nothing was begun then.
    func start() throws(OpenAIError) {
        for answer in answers {
            let id = world.nextJob()
            let prompt = request.prompts[answer.prompt].allTokens
            let tokens = prompt + answer.pieces.map(Tokenizer.token(of:))
            let hashes = TokenBlocks.hashes(
                of: tokens, blockTokens: world.options.profile.blockTokens,
                salt: StableHash.of(utf8: request.model))
            let isPaced = faults.interval != nil
            let job = EngineJob(
                id: id, promptTokens: prompt.count, blockHashes: hashes,
                answerTokens: isPaced ? 0 : answer.pieces.count, tokensMax: bound)
            let admission = world.submit(job, for: self, answer: jobs.count)
            guard case .refused(let refusal) = admission else {
                jobs.append(id)
                continue
            }
            world.forget(jobs)
            throw world.error(for: refusal, prompt: prompt.count)
        }
        world.counters.activeGenerations += 1
        reply.onLoss = { [self] in lose($0) }
        if request.isStream {
            reply.beginStream { [self] in script.nextEvent(answers) }
        }
    }

    /// Takes in what the engine says about the answer number `index`.
    func take(_ event: EngineEvent, _ index: Int) {
        switch event {
        case .token: reveal(index)
        case .finished(_, let finish, let usage):
            if faults.interval != nil {
                answers[index].usage = usage
                schedulePace()
            } else {
                end(index, finish, usage)
            }
        case .failed(_, let failure): fail(failure)
        }
    }

    /// Tells what was revealed since the last time.
    func tell() {
        isTouched = false
        if request.isStream {
            reply.pump()
        } else if answers.allSatisfy({ $0.finish != nil }) {
            reply.onLoss = nil
            reply.send(200, script.whole(answers))
        }
    }

    private var bound: Int { request.bound(demanded: faults.tokens) }

    private func reveal(_ index: Int) {
        answers[index].revealed += 1
        let now = NIODeadline.now()
        if let last = lastTokenAt[index] {
            world.metrics.interToken.record(now - last)
        } else {
            world.metrics.firstToken.record(now - startedAt)
        }
        lastTokenAt[index] = now
    }

    private func end(_ index: Int, _ finish: EngineFinish, _ usage: EngineUsage) {
        answers[index].usage = usage
        answers[index].finish =
            switch finish {
            case .length: "length"
            case .stop: answers[index].tool == nil ? "stop" : "tool_calls"
            }
        guard answers.allSatisfy({ $0.finish != nil }) else { return }
        world.metrics.whole.record(NIODeadline.now() - startedAt)
        world.counters.activeGenerations -= 1
        // From here on a lost client costs nothing: there is nothing left to cancel.
        reply.onLoss = nil
    }

    private func fail(_ failure: EngineFailure) {
        guard !reply.isOver else { return }
        switch failure {
        case .crashed, .reset: reply.sever(isReset: true)
        case .outOfMemory:
            let error = OpenAIError.outOfMemory
            world.counters.faults += 1
            withdraw()
            reply.onLoss = nil
            guard request.isStream else { return reply.send(error) }
            var said = 0
            reply.source = {
                said += 1
                switch said {
                case 1: return .event(EventStream.event(error.body))
                case 2: return .event(EventStream.done)
                default: return .end
                }
            }
            reply.pump()
        }
    }

    private func lose(_ loss: Reply.Loss) {
        withdraw()
        if loss == .clientLeft { world.counters.cancelled += 1 }
    }

    private func withdraw() {
        pacing?.cancel()
        world.counters.activeGenerations -= 1
        world.cancel(jobs)
    }
}

/// Answers with an interval of their own.
extension Generation {
    private func schedulePace() {
        guard pacing == nil, answers.allSatisfy({ $0.usage != nil }) else { return }
        pace()
    }

    private func pace() {
        for index in answers.indices where answers[index].finish == nil {
            let limit = Swift.min(answers[index].pieces.count, bound)
            if answers[index].revealed < limit {
                reveal(index)
                world.counters.pacedTokens += 1
            }
            guard answers[index].revealed == limit, var usage = answers[index].usage else {
                continue
            }
            usage.outputTokens = limit
            end(index, limit < answers[index].pieces.count ? .length : .stop, usage)
        }
        if !answers.allSatisfy({ $0.finish != nil }) {
            let interval = TimeAmount.nanoseconds(faults.interval?.rawValue ?? 0)
            pacing = world.loop.assumeIsolated().scheduleTask(in: interval) { [self] in
                pace()
            }
        }
        tell()
    }
}
