// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// One event of a stream of the Responses API, read closely enough to go on with the answer
/// elsewhere.
///
/// llama.cpp leaves out `sequence_number`, `output_index` and `content_index`; who reads an event
/// must do without.
///
/// **Source** "Streaming events" of the Responses API in the OpenAI API reference; `reasoning_part`
/// as vLLM writes it.
struct ResponseEvent {
    /// What an event tells.
    enum Kind {
        /// That the response has begun.
        case opening
        /// An item of the output begins.
        case itemAdded
        /// A part of an item begins.
        case partAdded
        /// More of the text of a part.
        case textDelta
        /// More of the arguments of a tool call, or all of them.
        case call
        /// The whole text of a part.
        case textDone
        /// A whole part.
        case partDone
        /// A whole item.
        case itemDone
        /// The whole response.
        case ended
        /// A failure.
        case report
        /// Anything else: searches, annotations, images.
        case other
    }

    let kind: Kind
    /// Whether it is about a summary of what was thought, whose parts are counted by themselves.
    let isSummary: Bool
    /// Whether it is about what was thought.
    let isThought: Bool
    /// The members.
    let object: JSONObject
    /// The contents of `type`.
    let type: ByteRange
    /// `sequence_number`.
    let number: Int?
    /// `output_index`.
    let outputIndex: Int?
    /// `content_index` or `summary_index`.
    let partIndex: Int?
    /// The literal behind `item_id`, with its quotes.
    let itemID: ByteRange?

    /// Reads `data`; nil when that is no object with a type.
    init?(_ data: RawSpan) {
        guard let object = try? JSONObject(data), let type = object.contents("type", in: data)
        else { return nil }
        self.object = object
        self.type = type
        let name = data.extracting(type.range)
        kind = Self.kind(name)
        isSummary = name.hasPrefix("response.reasoning_summary")
        isThought = name.hasPrefix("response.reasoning")
        number = object.number("sequence_number", in: data)
        outputIndex = object.number("output_index", in: data)
        partIndex = object.number(isSummary ? "summary_index" : "content_index", in: data)
        itemID = object.value("item_id", in: data)
    }

    private static func kind(_ name: RawSpan) -> Kind {
        kinds.first { name.equals($0.0) }?.1 ?? .other
    }

    private static let kinds: [(StaticString, Kind)] = [
        ("response.output_text.delta", .textDelta),
        ("response.reasoning_text.delta", .textDelta),
        ("response.reasoning_summary_text.delta", .textDelta),
        ("response.refusal.delta", .textDelta),
        ("response.function_call_arguments.delta", .call),
        ("response.function_call_arguments.done", .call),
        ("response.custom_tool_call_input.delta", .call),
        ("response.custom_tool_call_input.done", .call),
        ("response.output_text.done", .textDone),
        ("response.reasoning_text.done", .textDone),
        ("response.reasoning_summary_text.done", .textDone),
        ("response.refusal.done", .textDone),
        ("response.output_item.added", .itemAdded),
        ("response.output_item.done", .itemDone),
        ("response.content_part.added", .partAdded),
        ("response.reasoning_part.added", .partAdded),
        ("response.reasoning_summary_part.added", .partAdded),
        ("response.content_part.done", .partDone),
        ("response.reasoning_part.done", .partDone),
        ("response.reasoning_summary_part.done", .partDone),
        ("response.created", .opening), ("response.queued", .opening),
        ("response.in_progress", .opening),
        ("response.completed", .ended), ("response.incomplete", .ended),
        ("response.failed", .report), ("error", .report),
    ]

    /// The item that the event holds.
    func item(_ data: RawSpan) -> JSONObject? { object.object("item", in: data) }

    /// The part that the event holds.
    func part(_ data: RawSpan) -> JSONObject? { object.object("part", in: data) }

    /// The contents of the text in `holder`, which is the event or a part: of a refusal too.
    static func text(_ holder: JSONObject, _ data: RawSpan) -> ByteRange? {
        holder.contents("text", in: data) ?? holder.contents("refusal", in: data)
    }
}
