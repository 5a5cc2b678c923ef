// SPDX-License-Identifier: Apache-2.0

/// The plain surface: `/v1/completions`.
///
/// **Source**: the OpenAI API reference, completion object.
struct CompletionScript {
    let frame: ResponseFrame
    private var pieces: [Int]
    private var finished: [Bool]
    private var saidUsage = false
    private var saidDone = false

    /// Nothing told yet of `answers` answers.
    init(frame: ResponseFrame, answers: Int) {
        self.frame = frame
        pieces = Array(repeating: 0, count: answers)
        finished = Array(repeating: false, count: answers)
    }

    /// The next chunk.
    mutating func nextEvent(_ answers: [Answer]) -> StreamScript.Next {
        for (index, answer) in answers.enumerated() {
            if pieces[index] < answer.revealed {
                pieces[index] += 1
                let piece = answer.pieces[pieces[index] - 1]
                return .event(chunk([choice(index, piece, finish: nil)], usage: nil))
            }
            if !finished[index], let finish = answer.finish {
                finished[index] = true
                return .event(chunk([choice(index, "", finish: finish)], usage: nil))
            }
        }
        guard finished.allSatisfy({ $0 }) else { return .wait }
        if frame.includesUsage, !saidUsage {
            saidUsage = true
            let totals = UsageTotals(answers, promptTokens: frame.promptTokens)
            return .event(chunk([], usage: totals.json))
        }
        guard !saidDone else { return .end }
        saidDone = true
        return .event(EventStream.done)
    }

    /// The response in one piece.
    func whole(_ answers: [Answer]) -> JSON {
        let choices = answers.enumerated().map { index, answer in
            choice(index, answer.text, finish: answer.finish)
        }
        let usage = UsageTotals(answers, promptTokens: frame.promptTokens).json
        return envelope(.array(choices), usage: usage)
    }

    private func choice(_ index: Int, _ text: String, finish: String?) -> JSON {
        [
            "index": .integer(index), "text": .string(text), "logprobs": nil,
            "finish_reason": finish.map(JSON.string) ?? nil,
        ]
    }

    private func chunk(_ choices: JSON, usage: JSON?) -> [UInt8] {
        EventStream.event(envelope(choices, usage: frame.includesUsage ? usage ?? .null : nil))
    }

    private func envelope(_ choices: JSON, usage: JSON?) -> JSON {
        .members([
            ("id", .string(frame.id)), ("object", "text_completion"),
            ("created", .integer(frame.created)), ("model", .string(frame.model)),
            ("system_fingerprint", .string(frame.fingerprint)), ("choices", choices),
            usage.map { ("usage", $0) },
        ])
    }
}
