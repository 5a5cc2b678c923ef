// SPDX-License-Identifier: Apache-2.0

/// The responses surface: `/v1/responses`, whose events are named and numbered.
///
/// The stages follow each other in the order of `Stage`; a stage that a tool call does not have
/// is passed over.
///
/// **Source**: the OpenAI API reference, response object and streaming events.
struct ResponsesScript {
    let frame: ResponseFrame
    private var stage = Stage.created
    private var number = 0
    private var pieces = 0

    private enum Stage {
        case created, inProgress, itemAdded, partAdded, deltas, textDone, partDone, itemDone
        case completed, over
    }

    /// Nothing told yet.
    init(frame: ResponseFrame) { self.frame = frame }

    /// The next event.
    mutating func nextEvent(_ answers: [Answer]) -> StreamScript.Next {
        guard let answer = answers.first else { return .end }
        switch stage {
        case .created:
            stage = .inProgress
            return event("response.created", [("response", response([], status: "in_progress"))])
        case .inProgress:
            stage = .itemAdded
            let started = response([], status: "in_progress")
            return event("response.in_progress", [("response", started)])
        case .itemAdded:
            guard answer.revealed > 0 || answer.finish != nil else { return .wait }
            stage = answer.tool == nil ? .partAdded : .deltas
            let item = item(answer, status: "in_progress", text: nil)
            return event("response.output_item.added", [("output_index", 0), ("item", item)])
        case .partAdded:
            stage = .deltas
            return event("response.content_part.added", place + [("part", part(""))])
        case .deltas: return delta(answer)
        case .textDone:
            stage = answer.tool == nil ? .partDone : .itemDone
            if answer.tool != nil {
                return event(
                    "response.function_call_arguments.done", toolPlace + [("arguments", "{}")])
            }
            let text: [(String, JSON)] = [("text", .string(answer.text)), ("logprobs", [])]
            return event("response.output_text.done", place + text)
        case .partDone:
            stage = .itemDone
            return event("response.content_part.done", place + [("part", part(answer.text))])
        case .itemDone:
            stage = .completed
            let item = item(answer, status: itemStatus(answer), text: answer.text)
            return event("response.output_item.done", [("output_index", 0), ("item", item)])
        case .completed:
            stage = .over
            let name = isCut(answer) ? "response.incomplete" : "response.completed"
            return event(name, [("response", response(answers, status: nil))])
        case .over: return .end
        }
    }

    /// The response object; `status` nil means that it has ended.
    func response(_ answers: [Answer], status: String?) -> JSON {
        let answer = status == nil ? answers.first : nil
        let isCut = answer.map(isCut) ?? false
        let ended = isCut ? "incomplete" : "completed"
        var output: [JSON] = []
        var usage = JSON.null
        if let answer {
            output = [item(answer, status: itemStatus(answer), text: answer.text)]
            let totals = UsageTotals(answers, promptTokens: frame.promptTokens)
            usage = [
                "input_tokens": .integer(totals.prompt),
                "input_tokens_details": ["cached_tokens": .integer(totals.cached)],
                "output_tokens": .integer(totals.output),
                "output_tokens_details": ["reasoning_tokens": 0],
                "total_tokens": .integer(totals.prompt + totals.output),
            ]
        }
        return [
            "id": .string(frame.id), "object": "response", "created_at": .integer(frame.created),
            "status": .string(status ?? ended), "background": false, "error": nil,
            "incomplete_details": isCut ? ["reason": "max_output_tokens"] : nil,
            "instructions": nil, "max_output_tokens": nil, "model": .string(frame.model),
            "output": .array(output), "parallel_tool_calls": true, "previous_response_id": nil,
            "reasoning": ["effort": nil, "summary": nil], "store": false, "temperature": 1,
            "text": ["format": ["type": "text"]], "tool_choice": "auto", "tools": [],
            "top_p": 1, "truncation": "disabled", "usage": usage, "metadata": [:],
        ]
    }

    private mutating func delta(_ answer: Answer) -> StreamScript.Next {
        if answer.tool != nil {
            guard answer.finish != nil else { return .wait }
            stage = .textDone
            return event(
                "response.function_call_arguments.delta", toolPlace + [("delta", "{}")])
        }
        guard pieces < answer.revealed else {
            guard answer.finish != nil else { return .wait }
            stage = .textDone
            return nextEvent([answer])
        }
        pieces += 1
        let delta = JSON.string(answer.pieces[pieces - 1])
        return event("response.output_text.delta", place + [("delta", delta), ("logprobs", [])])
    }

    private func isCut(_ answer: Answer) -> Bool { answer.finish == "length" }

    private func itemStatus(_ answer: Answer) -> String {
        isCut(answer) ? "incomplete" : "completed"
    }

    private var itemID: String { "msg_\(frame.suffix)" }

    private var toolPlace: [(String, JSON)] {
        [("item_id", .string("fc_\(frame.suffix)")), ("output_index", 0)]
    }

    private var place: [(String, JSON)] {
        [("item_id", .string(itemID)), ("output_index", 0), ("content_index", 0)]
    }

    private func part(_ text: String) -> JSON {
        ["type": "output_text", "annotations": [], "logprobs": [], "text": .string(text)]
    }

    private func item(_ answer: Answer, status: String, text: String?) -> JSON {
        guard let tool = answer.tool else {
            return [
                "id": .string(itemID), "type": "message", "status": .string(status),
                "role": "assistant", "content": text.map { [part($0)] } ?? [],
            ]
        }
        return [
            "id": .string("fc_\(frame.suffix)"), "type": "function_call",
            "status": .string(status), "call_id": .string("call_\(frame.suffix)"),
            "name": .string(tool), "arguments": text == nil ? "" : "{}",
        ]
    }

    private mutating func event(
        _ name: String, _ members: [(String, JSON)]
    ) -> StreamScript.Next {
        let head: [(String, JSON)] = [
            ("type", .string(name)), ("sequence_number", .integer(number)),
        ]
        number += 1
        return .event(EventStream.event(.members(head + members), name: name))
    }
}
