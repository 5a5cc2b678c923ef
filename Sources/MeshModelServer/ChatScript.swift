// SPDX-License-Identifier: Apache-2.0

/// The chat surface: `/v1/chat/completions`.
///
/// **Source**: the OpenAI API reference, chat completion object and chunk object.
struct ChatScript {
    let frame: ResponseFrame
    private var told: [Told]
    private var saidUsage = false
    private var saidDone = false

    /// How much of one answer was told.
    private struct Told {
        var role = false
        var pieces = 0
        var tool = 0
        var finish = false
    }

    /// Nothing told yet of `answers` answers.
    init(frame: ResponseFrame, answers: Int) {
        self.frame = frame
        told = Array(repeating: Told(), count: answers)
    }

    /// The next chunk.
    mutating func nextEvent(_ answers: [Answer]) -> StreamScript.Next {
        for index in answers.indices {
            if let delta = nextDelta(answers[index], &told[index]) {
                return .event(chunk(index, delta, finish: nil))
            }
            if !told[index].finish, let finish = answers[index].finish {
                told[index].finish = true
                return .event(chunk(index, [:], finish: finish))
            }
        }
        guard told.allSatisfy(\.finish) else { return .wait }
        if frame.includesUsage, !saidUsage {
            saidUsage = true
            let totals = UsageTotals(answers, promptTokens: frame.promptTokens)
            return .event(EventStream.event(envelope([], usage: totals.json)))
        }
        guard !saidDone else { return .end }
        saidDone = true
        return .event(EventStream.done)
    }

    /// The response in one piece.
    func whole(_ answers: [Answer]) -> JSON {
        let choices = answers.enumerated().map { index, answer -> JSON in
            [
                "index": .integer(index), "message": message(answer, index), "logprobs": nil,
                "finish_reason": answer.finish.map(JSON.string) ?? nil,
            ]
        }
        return [
            "id": .string(frame.id), "object": "chat.completion",
            "created": .integer(frame.created), "model": .string(frame.model),
            "choices": .array(choices),
            "usage": UsageTotals(answers, promptTokens: frame.promptTokens).json,
            "system_fingerprint": .string(frame.fingerprint),
        ]
    }

    private func message(_ answer: Answer, _ index: Int) -> JSON {
        guard let tool = answer.tool else {
            return ["role": "assistant", "content": .string(answer.text), "refusal": nil]
        }
        let call: JSON = [
            "id": .string(callID(index)), "type": "function",
            "function": ["name": .string(tool), "arguments": "{}"],
        ]
        return ["role": "assistant", "content": nil, "refusal": nil, "tool_calls": [call]]
    }

    private func callID(_ index: Int) -> String { "call_\(frame.suffix)\(index)" }

    private func nextDelta(_ answer: Answer, _ told: inout Told) -> JSON? {
        guard answer.revealed > 0 || answer.finish != nil else { return nil }
        if !told.role {
            told.role = true
            return ["role": "assistant", "content": answer.tool == nil ? "" : nil]
        }
        guard let tool = answer.tool else {
            guard told.pieces < answer.revealed else { return nil }
            told.pieces += 1
            return ["content": .string(answer.pieces[told.pieces - 1])]
        }
        guard answer.finish != nil, told.tool < 2 else { return nil }
        told.tool += 1
        if told.tool == 2 {
            return ["tool_calls": [["index": 0, "function": ["arguments": "{}"]]]]
        }
        let call: JSON = [
            "index": 0, "id": .string(callID(0)), "type": "function",
            "function": ["name": .string(tool), "arguments": ""],
        ]
        return ["tool_calls": [call]]
    }

    private func chunk(_ index: Int, _ delta: JSON, finish: String?) -> [UInt8] {
        let choice: JSON = [
            "index": .integer(index), "delta": delta, "logprobs": nil,
            "finish_reason": finish.map(JSON.string) ?? nil,
        ]
        return EventStream.event(envelope([choice], usage: nil))
    }

    private func envelope(_ choices: JSON, usage: JSON?) -> JSON {
        .members([
            ("id", .string(frame.id)), ("object", "chat.completion.chunk"),
            ("created", .integer(frame.created)), ("model", .string(frame.model)),
            ("system_fingerprint", .string(frame.fingerprint)), ("choices", choices),
            frame.includesUsage ? ("usage", usage ?? .null) : nil,
        ])
    }
}
