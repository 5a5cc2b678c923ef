// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// A name in a request body that the mesh acts on.
///
/// Model servers do not agree on which names are the same: Go takes `Model` and even `ſtream`
/// (with U+017F, a long s) for the name it folds to, others only the exact one. So every name is
/// compared in folded form, and one that is equal only when folded is refused.
enum RequestKey: UInt8, CaseIterable {
    case model, stream, streamOptions, maxTokens, maxCompletionTokens, maxOutputTokens
    case user, n, bestOf, tools, functions, messages, prompt, input, system, instructions
    case includeUsage

    /// The longest folded name.
    static let nameBytesMax = 21

    /// The bit of this key in a set of names seen.
    var bit: UInt32 { 1 &<< UInt32(rawValue) }

    /// The exact name.
    var name: StaticString {
        switch self {
        case .model: "model"
        case .stream: "stream"
        case .streamOptions: "stream_options"
        case .maxTokens: "max_tokens"
        case .maxCompletionTokens: "max_completion_tokens"
        case .maxOutputTokens: "max_output_tokens"
        case .user: "user"
        case .n: "n"
        case .bestOf: "best_of"
        case .tools: "tools"
        case .functions: "functions"
        case .messages: "messages"
        case .prompt: "prompt"
        case .input: "input"
        case .system: "system"
        case .instructions: "instructions"
        case .includeUsage: "include_usage"
        }
    }

    /// The key that `member` of the request object names, or nil for a name we do not act on.
    ///
    /// **Errors** `.caseVariantKey` for a name that some servers would read as a key.
    static func ofRequest(
        _ member: JSONGrammar.Member, in bytes: RawSpan
    ) throws(JSONFault) -> RequestKey? {
        guard member.isNamePlain else { return try unusual(member, in: bytes, of: .request) }
        let name = bytes.extracting(member.nameStart..<member.nameEnd)
        let candidates: (RequestKey, RequestKey?, RequestKey?)
        switch name.byteCount {
        case 1: candidates = (.n, nil, nil)
        case 4: candidates = (.user, nil, nil)
        case 5: candidates = (.model, .tools, .input)
        case 6: candidates = (.stream, .prompt, .system)
        case 7: candidates = (.bestOf, nil, nil)
        case 8: candidates = (.messages, nil, nil)
        case 9: candidates = (.functions, nil, nil)
        case 10: candidates = (.maxTokens, nil, nil)
        case 12: candidates = (.instructions, nil, nil)
        case 14: candidates = (.streamOptions, nil, nil)
        case 17: candidates = (.maxOutputTokens, nil, nil)
        case 21: candidates = (.maxCompletionTokens, nil, nil)
        default: return nil
        }
        if let key = try candidates.0.matching(name, at: member.nameStart) { return key }
        if let key = try candidates.1?.matching(name, at: member.nameStart) { return key }
        return try candidates.2?.matching(name, at: member.nameStart)
    }

    /// `.includeUsage` when `member` of the options object names it, else nil.
    static func ofOptions(
        _ member: JSONGrammar.Member, in bytes: RawSpan
    ) throws(JSONFault) -> RequestKey? {
        guard member.isNamePlain else { return try unusual(member, in: bytes, of: .options) }
        let name = bytes.extracting(member.nameStart..<member.nameEnd)
        return try includeUsage.matching(name, at: member.nameStart)
    }

    private func matching(_ text: RawSpan, at offset: Int) throws(JSONFault) -> RequestKey? {
        guard text.equalsIgnoringCase(name) else { return nil }
        guard text.equals(name) else { throw JSONFault(.caseVariantKey, at: offset) }
        return self
    }

    /// The object whose names are asked about.
    private enum Place { case request, options }

    /// The key of a name that holds escapes or scalars above ASCII.
    private static func unusual(
        _ member: JSONGrammar.Member, in bytes: RawSpan, of place: Place
    ) throws(JSONFault) -> RequestKey? {
        guard let folded = FoldedName(member, in: bytes) else { return nil }
        for key in allCases where (key == .includeUsage) == (place == .options) {
            guard folded.equals(key.name) else { continue }
            guard folded.isExact else { throw JSONFault(.caseVariantKey, at: member.nameStart) }
            return key
        }
        return nil
    }
}

/// A decoded name in lower case, held inline.
private struct FoldedName {
    private var bytes: InlineArray<21, UInt8> = .init(repeating: 0)
    private var count = 0
    /// Whether folding changed nothing.
    private(set) var isExact = true

    /// The folded name of `member`, or nil when it is longer than any key or not ASCII even
    /// when folded. **Shape** the name was walked over before, so its escapes are valid.
    init?(_ member: JSONGrammar.Member, in source: RawSpan) {
        var i = member.nameStart
        while i < member.nameEnd {
            let scalar: UInt32
            if source[i] == UInt8(ascii: "\\") {
                guard let end = try? JSONGrammar.skipEscape(source, from: i) else { return nil }
                scalar = JSONStringDecoder.escaped(source, at: i, end: end)
                i = end
            } else {
                let count = max(1, UTF8Sequence.count(source, at: i))
                scalar = UTF8Sequence.scalar(source, at: i, count: count)
                i &+= count
            }
            guard count < RequestKey.nameBytesMax, let byte = fold(scalar) else { return nil }
            bytes[count] = byte
            count &+= 1
        }
    }

    /// Whether the folded name is `name`.
    func equals(_ name: StaticString) -> Bool {
        guard count == name.utf8CodeUnitCount else { return false }
        for i in 0..<count where unsafe bytes[i] != name.utf8Start[i] { return false }
        return true
    }

    /// The ASCII letter that some reader takes `scalar` for. Beside ASCII these are the Kelvin
    /// sign and the long s (simple folding of Unicode) and the two Turkish letters i.
    private mutating func fold(_ scalar: UInt32) -> UInt8? {
        let folded: UInt8
        switch scalar {
        case 0..<0x80: folded = ASCII.lowercased(UInt8(scalar))
        case 0x212A: folded = UInt8(ascii: "k")
        case 0x017F: folded = UInt8(ascii: "s")
        case 0x0130, 0x0131: folded = UInt8(ascii: "i")
        default: return nil
        }
        if UInt32(folded) != scalar { isExact = false }
        return folded
    }
}
