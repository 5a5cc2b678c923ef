// SPDX-License-Identifier: Apache-2.0

import MeshBasics

extension UsageScanner {
    /// The most bytes at the end of a document that are looked at.
    package static let tailBytesMax = 8192
    /// The most names `"usage"` that are tried, so that hostile answers stay cheap.
    static let tailCandidatesMax = 8

    /// The token counts of a JSON document of which `bytes` are the end.
    ///
    /// **Shape** `bytes` may begin anywhere, also inside a string. The last `"usage"` with an
    /// object for its value counts, if the rest of the bytes closes exactly the level it is in
    /// and thereby ends the document. Where the last one is nested more deeply, the ones before
    /// it are tried. With `nested`, one that lies a level deeper counts where no other is found.
    /// **Complexity** O(bytes looked at), at most `tailCandidatesMax` times.
    package static func usage(inTail bytes: RawSpan, nested: Bool = false) -> TokenUsage? {
        let window = bytes.extracting(
            max(0, bytes.byteCount &- tailBytesMax)..<bytes.byteCount)
        var end = window.byteCount
        var inner: TokenUsage?
        for _ in 0..<tailCandidatesMax {
            guard let start = lastName(window, before: end) else { break }
            if let found = try? candidate(window, at: start, levels: nested ? 2 : 1) {
                if found.levels == 1 { return found.usage }
                if inner == nil { inner = found.usage }
            }
            end = start
        }
        return inner
    }

    /// Offset of the quote that begins the last `"usage": {` which ends before `end`.
    private static func lastName(_ bytes: RawSpan, before end: Int) -> Int? {
        var i = end &- 7
        while i >= 0 {
            // The middle letter decides how far no match is possible.
            switch bytes[i &+ 3] {
            case UInt8(ascii: "a"):
                if JSONGrammar.begins(with: "\"usage\"", bytes, at: i),
                    EventMarks.value(bytes, at: i, behind: 7) == UInt8(ascii: "{")
                {
                    return i
                }
                i &-= 4
            case UInt8(ascii: "s"), UInt8(ascii: "u"), UInt8(ascii: "\""), UInt8(ascii: "g"),
                UInt8(ascii: "e"):
                i &-= 1
            default:
                i &-= 4
            }
        }
        return nil
    }

    /// The counts of the name at `offset`, whose value is an object, and how many levels close
    /// behind it; nil or a fault when that does not end the document or is more than `most`.
    private static func candidate(
        _ bytes: RawSpan, at offset: Int, levels most: Int
    ) throws(JSONFault) -> (usage: TokenUsage, levels: Int)? {
        let colon = JSONGrammar.skipSpace(bytes, from: offset &+ 7)
        let brace = JSONGrammar.skipSpace(bytes, from: colon &+ 1)
        let (usage, behind) = try TokenUsage.read(bytes, at: brace, depth: most)
        guard let usage else { return nil }
        var end = behind
        for levels in 1...most {
            var members = JSONGrammar.Members(behindValue: end)
            while let member = try members.next(bytes) {
                members.offset = try JSONGrammar.skipValue(
                    bytes, from: member.value, depth: most)
            }
            end = JSONGrammar.skipSpace(bytes, from: members.offset)
            if end == bytes.byteCount { return (usage, levels) }
        }
        return nil
    }
}
