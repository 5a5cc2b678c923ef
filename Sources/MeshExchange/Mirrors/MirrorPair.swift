// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshDialects
package import MeshSnapshot
package import MeshTelemetry
import MeshWire

/// What is known of one answer of a pair, before anybody has read what it says.
package struct AnswerSample: Sendable {
    /// The status; 0 when there was no answer.
    package var status: UInt16 = 0
    /// Whether it is no error and came to its end, as far as its framing says.
    package var isGood = false
    /// The payload, as far as it is kept.
    package var body: [UInt8] = []
    /// Whether more came than is kept.
    package var isOver = false
    /// From when the copy was ordered to the beginning of the answer.
    package var firstByte: Nanoseconds?
    /// From when the copy was ordered to the end.
    package var total = Nanoseconds.zero
    /// What its server counted, where that is known without reading it.
    package var tokens = TokenCounts()
    /// What those tokens cost.
    package var cost: Cost?

    /// No answer.
    package init() {}
}

/// Whose copy it is, to where, and what is to be known of its answer.
package struct MirrorTicket: Sendable {
    /// The series of the mirror.
    package var series: MirrorSeriesID
    /// Its labels.
    package var labels: MirrorLabels
    /// How answers are compared.
    package var comparison: Comparison
    /// What is asked for.
    package var operation: Operation
    /// What tokens cost at the mirror.
    package var price: Price?
    /// The Model that is asked how much texts mean the same, `namespace/name`; nil when none is.
    package var embedder: String?
    /// The backends of it that may be shown them.
    package var embedderBackends: [String] = []
    /// The mesh's id of the exchange.
    package var request: RequestID
    /// The trace that it belongs to.
    package var trace: TraceContext
    /// When the copy was ordered.
    package var orderedAt: WallTime
}

/// Both answers of one request, ready to be compared.
package struct MirrorPair: Sendable {
    /// Whose they are.
    package var ticket: MirrorTicket
    /// What the caller got.
    package var primary: AnswerSample
    /// What the mirror said.
    package var mirror: AnswerSample

    /// Both answers of `ticket`.
    package init(_ ticket: MirrorTicket, primary: AnswerSample, mirror: AnswerSample) {
        self.ticket = ticket
        self.primary = primary
        self.mirror = mirror
    }

    /// What came of comparing them.
    ///
    /// It reads both answers to the letter, which takes milliseconds for large ones: a driver does
    /// this beside its event loops. **Complexity** O(n log n) in the bytes of both.
    package func compared() -> MirrorFinding {
        let isAI = ticket.operation != .none
        let ours = AnswerContent(unsafe primary.body.span.bytes, operation: ticket.operation)
        let theirs = AnswerContent(unsafe mirror.body.span.bytes, operation: ticket.operation)
        var found = ComparedPair(
            primary: answer(
                primary, isGood: primary.isGood && !(isAI && !primary.isOver && ours.isFaulty)),
            mirror: answer(
                mirror, isGood: mirror.isGood && !(isAI && !mirror.isOver && theirs.isFaulty)))
        if let usage = theirs.usage, isAI {
            found.mirror.tokens = TokenCounts(
                input: usage.input, output: usage.output, cachedInput: usage.cachedInput,
                reasoningOutput: usage.reasoningOutput)
            if let price = ticket.price {
                let sum = price.cost(
                    input: usage.input, output: usage.output, cachedInput: usage.cachedInput)
                found.mirror.cost = Cost(
                    trillionths: UInt64(max(0, sum)), currency: price.currency)
            }
        }
        var finding = MirrorFinding(ticket: ticket, pair: found)
        guard found.primary.isGood, found.mirror.isGood else { return finding }
        if primary.isOver || mirror.isOver {
            finding.gap = .tooLarge
            return finding
        }
        let likeness = AnswerComparison(ours, theirs)
        var content = ComparedPair.Content(
            sameText: likeness.sameText, sameStructure: likeness.sameStructure,
            sameValues: likeness.sameValues, sameTools: likeness.sameTools)
        let (text, other) = (ours.text, theirs.text)
        if ticket.embedder != nil, !text.isEmpty || !other.isEmpty {
            content.similarity = TextSimilarity.known(text, other)
            if content.similarity == nil { finding.texts = (text, other) }
        }
        finding.pair.content = content
        return finding
    }

    private func answer(_ sample: AnswerSample, isGood: Bool) -> ComparedAnswer {
        ComparedAnswer(
            status: sample.status, isGood: isGood, firstByte: sample.firstByte,
            total: sample.total, tokens: sample.tokens, cost: sample.cost)
    }
}

/// What came of comparing two answers.
package struct MirrorFinding: Sendable {
    /// Whose they are.
    package var ticket: MirrorTicket
    /// The comparison.
    package var pair: ComparedPair
    /// The texts that an embedder is to be asked about, or nil.
    package var texts: (primary: String, mirror: String)?
    /// What could not be found out, or nil.
    package var gap: ComparisonGap?

    /// Takes the answer of the embedder that was asked; empty when there was none.
    package mutating func take(answer: RawSpan) {
        pair.content?.similarity = TextSimilarity.answer(answer)
        if pair.content?.similarity == nil { gap = .unmeasured }
    }
}
