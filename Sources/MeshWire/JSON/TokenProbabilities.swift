// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// Where the tokens of a piece of an answer stand in what is said of their probabilities, so that
/// those can be left out whose text is left out.
///
/// ```
///  chats        {"content":[{"token":"The","bytes":[84,104,101],…},{"token":" fox",…}]}
///  responses    [{"token":"The",…},{"token":" fox",…}]
///  completions  {"tokens":["The"," fox"],"token_logprobs":[-1,-2],"text_offset":[0,3],…}
/// ```
///
/// **Source** `logprobs` of chunks of chat completions and of completions, and of
/// `response.output_text.delta`, in the OpenAI API reference.
package struct TokenProbabilities: Hashable, Sendable {
    /// Lists with an element for each token.
    private var lists: [[ByteRange]] = []
    /// Bytes of each token's text.
    private var sizes: [Int] = []
    /// Where each token begins in the whole text, in Unicode scalars, as completions have it.
    package private(set) var offsets: [ByteRange] = []

    /// Reads the value in `range`; nil when it is none that is known.
    package init?(_ data: RawSpan, _ range: ByteRange) {
        if let tokens = JSONObject.elements(of: range, in: data) {
            take(data, objects: tokens)
            return
        }
        guard let object = try? JSONObject(data, at: range.start) else { return nil }
        if let tokens = object.elements("content", in: data) {
            take(data, objects: tokens)
            return
        }
        guard let tokens = object.elements("tokens", in: data) else { return nil }
        sizes = tokens.map { Self.size(ofString: $0, in: data) }
        lists = [tokens]
        for name: StaticString in ["token_logprobs", "top_logprobs", "text_offset"] {
            guard let list = object.elements(name, in: data) else { continue }
            guard list.count == tokens.count else { return nil }
            lists.append(list)
        }
        offsets = object.elements("text_offset", in: data) ?? []
    }

    private mutating func take(_ data: RawSpan, objects tokens: [ByteRange]) {
        lists = [tokens]
        sizes = tokens.map { range in
            guard let token = try? JSONObject(data, at: range.start) else { return 0 }
            // Tokens may be parts of a character, which no string can hold.
            if let bytes = token.elements("bytes", in: data) { return bytes.count }
            return token.value("token", in: data).map { Self.size(ofString: $0, in: data) } ?? 0
        }
    }

    private static func size(ofString range: ByteRange, in data: RawSpan) -> Int {
        guard range.count >= 2, data[range.start] == UInt8(ascii: "\"") else { return 0 }
        let contents = data.extracting((range.start &+ 1)..<(range.end &- 1))
        return (try? JSONStringDecoder.decode(contents))?.count ?? 0
    }

    /// The ranges that go when the first tokens go, `bytes` bytes of text together; nil when a
    /// token would have to be divided.
    package func leavingOut(_ bytes: Int) -> [ByteRange]? {
        var (count, sum) = (0, 0)
        while sum < bytes, count < sizes.count {
            sum += sizes[count]
            count += 1
        }
        guard sum == bytes else { return nil }
        guard count > 0 else { return [] }
        return lists.compactMap { list in
            guard let first = list.first, let last = list.last else { return nil }
            return ByteRange(first.start, count < list.count ? list[count].start : last.end)
        }
    }
}
