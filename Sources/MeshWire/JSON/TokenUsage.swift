// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The token counts that a server reports for one answer.
///
/// Counts come from outside and settle money, so they are never negative, never wrap, and the
/// parts never exceed their whole. A report without a usable input or output count is no report:
/// the caller then settles by its own estimate.
package struct TokenUsage: Hashable, Sendable {
    /// Tokens read, cached ones among them.
    package var input: UInt64
    /// Tokens written, those of reasoning among them.
    package var output: UInt64
    /// Input tokens that came out of a cache; at most `input`.
    package var cachedInput: UInt64
    /// Output tokens spent on reasoning; at most `output`.
    package var reasoningOutput: UInt64
    /// The reported total, or the sum of `input` and `output` when none is.
    package var total: UInt64

    /// The counts as given; parts are cut to their whole.
    package init(
        input: UInt64, output: UInt64, cachedInput: UInt64 = 0, reasoningOutput: UInt64 = 0,
        total: UInt64? = nil
    ) {
        let (sum, isOver) = input.addingReportingOverflow(output)
        self.input = input
        self.output = output
        self.cachedInput = min(cachedInput, input)
        self.reasoningOutput = min(reasoningOutput, output)
        self.total = total ?? (isOver ? .max : sum)
    }
}

extension TokenUsage {
    /// What has been read of one report so far.
    private struct Draft {
        var input: UInt64?
        var output: UInt64?
        var cached: UInt64 = 0
        var reasoning: UInt64 = 0
        var total: UInt64?
        /// Whether an input or output count was there but could not be used.
        var isSpoilt = false
    }

    /// The report in the object whose opening brace is at `offset`, and the offset behind it.
    ///
    /// **Shape** `depth` counts the levels open around the object. Chat and responses names are
    /// taken; of several names for one count the largest wins. Nil when input and output are
    /// both absent or either is negative, a fraction or above 64 bits.
    static func read(
        _ bytes: RawSpan, at offset: Int, depth: Int
    ) throws(JSONFault) -> (usage: TokenUsage?, end: Int) {
        var draft = Draft()
        var members = JSONGrammar.Members(behindBrace: offset &+ 1)
        while let member = try members.next(bytes) {
            let name = bytes.extracting(member.nameStart..<member.nameEnd)
            let end = try JSONGrammar.skipValue(bytes, from: member.value, depth: depth &+ 1)
            members.offset = end
            let value = bytes.extracting(member.value..<end)
            if value.equals("null") { continue }
            if name.equals("prompt_tokens") || name.equals("input_tokens") {
                keepLargest(count(value), in: &draft.input, &draft.isSpoilt)
            } else if name.equals("completion_tokens") || name.equals("output_tokens") {
                keepLargest(count(value), in: &draft.output, &draft.isSpoilt)
            } else if name.equals("total_tokens") {
                draft.total = count(value)
            } else if name.equals("prompt_tokens_details")
                || name.equals("input_tokens_details")
            {
                draft.cached = max(draft.cached, try detail("cached_tokens", in: value))
            } else if name.equals("completion_tokens_details")
                || name.equals("output_tokens_details")
            {
                draft.reasoning = max(draft.reasoning, try detail("reasoning_tokens", in: value))
            }
        }
        guard !draft.isSpoilt, draft.input != nil || draft.output != nil else {
            return (nil, members.offset)
        }
        let usage = TokenUsage(
            input: draft.input ?? 0, output: draft.output ?? 0, cachedInput: draft.cached,
            reasoningOutput: draft.reasoning, total: draft.total)
        return (usage, members.offset)
    }

    private static func keepLargest(
        _ value: UInt64?, in kept: inout UInt64?, _ isSpoilt: inout Bool
    ) {
        guard let value else {
            isSpoilt = true
            return
        }
        kept = max(kept ?? 0, value)
    }

    /// The count called `name` in the object `value`; 0 when it is absent or unusable.
    private static func detail(
        _ name: StaticString, in value: RawSpan
    ) throws(JSONFault) -> UInt64 {
        guard value[0] == UInt8(ascii: "{") else { return 0 }
        var found: UInt64 = 0
        var members = JSONGrammar.Members(behindBrace: 1)
        while let member = try members.next(value) {
            // The value was walked over before with its true depth.
            let end = try JSONGrammar.skipValue(value, from: member.value, depth: 1)
            members.offset = end
            guard value.extracting(member.nameStart..<member.nameEnd).equals(name) else {
                continue
            }
            found = max(found, count(value.extracting(member.value..<end)) ?? 0)
        }
        return found
    }

    /// The whole number of 0 or more that `literal` spells, or nil.
    private static func count(_ literal: RawSpan) -> UInt64? {
        guard literal.byteCount <= 20 else { return nil }
        var value: UInt64 = 0
        for i in 0..<literal.byteCount {
            guard ASCII.isDigit(literal[i]) else { return nil }
            let (product, isOver) = value.multipliedReportingOverflow(by: 10)
            let (sum, isOverToo) = product.addingReportingOverflow(UInt64(literal[i] & 15))
            if isOver || isOverToo { return nil }
            value = sum
        }
        return value
    }
}
