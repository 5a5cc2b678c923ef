// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// An event of a streamed answer that was read in full, so that those which differ from it only in
/// what they say need not be.
///
/// ```
///  data: {"created":17│63│,"choices":[{"delta":{"content":│" quick"│},"index":0}]}⏎⏎
///   alike ────────────┘  └─ gap: a number                └─ gap: the text    └─ alike
/// ```
///
/// Nearly all events of an answer are alike like that. Comparing them costs a fraction of looking
/// for their ends and walking through their JSON, and proves as much: the same bytes around whole
/// strings and numbers are the same event with other strings and numbers in it. What may differ is
/// the text, and values of the outermost object that were seen to differ before: a time, a number
/// that counts on, random letters.
package struct EventTemplate: Sendable {
    /// All of the event that was learned, its line ends too; empty before the first.
    private var sample: [UInt8] = []
    /// Values of `sample` in the place of which others of their kind may stand, quotes and all.
    private var gaps: [ByteRange] = []
    /// Which of the gaps is the text.
    private var textGap = 0
    /// The values of the outermost object that may become gaps.
    private var values: [ByteRange] = []
    /// Those of them, by their order, that were seen to differ.
    private var loose: UInt64 = 0
    /// What may still be spent on learning: streams whose events all differ are soon left alone.
    private var credit: UInt8 = Self.creditMax
    /// Whether the text is a piece of what was thought, not of the answer.
    package private(set) var isThought = false

    private static let creditMax: UInt8 = 32
    private static let learningCost: UInt8 = 4
    /// The most bytes of an event that is kept: what a stream holds stays small.
    private static let sampleMax = 4096

    /// A template that nothing matches.
    package init() {}

    /// A like event: where it ends, and where its text stands, without quotes.
    package struct Like: Hashable, Sendable {
        /// Offset behind the event.
        package var end: Int
        /// The text, never empty.
        package var text: ByteRange
    }

    /// The event that begins at `offset`, if all of it is there and it is like the one learned
    /// last.
    package mutating func like(_ bytes: RawSpan, at offset: Int) -> Like? {
        guard !gaps.isEmpty, let found = match(bytes, at: offset) else { return nil }
        if credit < Self.creditMax { credit &+= 1 }
        return found
    }

    private func match(_ bytes: RawSpan, at offset: Int) -> Like? {
        let sample = unsafe self.sample.span.bytes
        var (i, from) = (offset, 0)
        var text = ByteRange.empty
        for number in 0..<gaps.count {
            let gap = gaps[number]
            guard let value = Self.alike(bytes, at: i, sample, from..<gap.start),
                value < bytes.byteCount
            else { return nil }
            if sample[gap.start] == UInt8(ascii: "\"") {
                guard bytes[value] == UInt8(ascii: "\""),
                    let string = try? JSONGrammar.skipString(bytes, from: value)
                else { return nil }
                i = string.end
            } else {
                guard let end = try? JSONGrammar.skipNumber(bytes, from: value) else { return nil }
                i = end
            }
            if number == textGap { text = ByteRange(value &+ 1, i &- 1) }
            from = gap.end
        }
        guard !text.isEmpty, let end = Self.alike(bytes, at: i, sample, from..<sample.byteCount)
        else { return nil }
        return Like(end: end, text: text)
    }

    /// Offset behind the bytes from `i` on that are those of `sample` in `part`.
    @inline(__always)
    private static func alike(
        _ bytes: RawSpan, at i: Int, _ sample: RawSpan, _ part: Range<Int>
    ) -> Int? {
        let end = i &+ part.count
        guard end <= bytes.byteCount,
            bytes.extracting(i..<end).equals(sample.extracting(part))
        else { return nil }
        return end
    }

    /// Learns from the event in `event`, whose one line of data is in `data`, if it says a piece
    /// of one answer and nothing else. It was read in full and passes.
    package mutating func learn(_ event: ByteRange, data: ByteRange, in bytes: RawSpan) {
        guard credit >= Self.learningCost, event.count <= Self.sampleMax else { return }
        credit &-= Self.learningCost
        // Behind a carriage return a line feed may follow that belongs to the event.
        guard bytes[event.end &- 1] == EventLine.lineFeed,
            let read = try? AnswerEvent(bytes.extracting(data.range)), read.saysOneThing,
            let text = read.text ?? read.reasoning
        else { return }
        let base = data.start &- event.start
        let found = Self.values(in: bytes.extracting(data.range), base: base)
        loose = found.count == values.count ? loose | differing(found, of: event, in: bytes) : 0
        values = found
        sample.removeAll(keepingCapacity: true)
        sample.append(bytes.extracting(event.range))
        isThought = read.text == nil
        let quoted = ByteRange(base &+ text.start &- 1, base &+ text.end &+ 1)
        gaps.removeAll(keepingCapacity: true)
        for (number, value) in values.enumerated() where isLoose(number) { gaps.append(value) }
        textGap = gaps.firstIndex { $0.start > quoted.start } ?? gaps.count
        gaps.insert(quoted, at: textGap)
    }

    private func isLoose(_ number: Int) -> Bool {
        number < UInt64.bitWidth && loose & 1 &<< UInt64(number) != 0
    }

    /// Which of the values that were `found` in an event differ from those of the sample.
    private func differing(
        _ found: [ByteRange], of event: ByteRange, in bytes: RawSpan
    ) -> UInt64 {
        let (before, now) = unsafe (sample.span.bytes, bytes.extracting(event.range))
        var differ: UInt64 = 0
        for number in 0..<min(found.count, UInt64.bitWidth) {
            let isSame = now.extracting(found[number].range)
                .equals(before.extracting(values[number].range))
            if !isSame { differ |= 1 &<< UInt64(number) }
        }
        return differ
    }

    /// The strings and numbers of the outermost object which mean nothing to a relay, counted from
    /// `base` bytes before `data`.
    private static func values(in data: RawSpan, base: Int) -> [ByteRange] {
        var found: [ByteRange] = []
        var members = JSONGrammar.Members(
            behindBrace: JSONGrammar.skipSpace(data, from: 0) &+ 1)
        while let member = try? members.next(data) {
            guard let end = try? JSONGrammar.skipValue(data, from: member.value, depth: 1) else {
                return []
            }
            members.offset = end
            let name = data.extracting(member.nameStart..<member.nameEnd)
            guard member.isNamePlain, !name.equals("error"), !name.equals("type") else { continue }
            switch data[member.value] {
            case UInt8(ascii: "\""), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                found.append(ByteRange(base &+ member.value, base &+ end))
            default: continue
            }
        }
        return found
    }
}

extension AnswerEvent {
    /// Whether the event says a piece of the only answer, or of the thought behind it, and
    /// nothing else that counts.
    fileprivate var saysOneThing: Bool {
        choices == 1 && index == 0 && (text == nil) != (reasoning == nil) && !hasToolCall
            && !hasOther && probabilities == nil && finish == nil && usage == nil && !isError
    }
}
