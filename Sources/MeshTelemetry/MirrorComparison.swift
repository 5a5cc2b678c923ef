// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// The labels of what is known of one mirror: whose requests are copied, and to where.
package struct MirrorLabels: Hashable, Sendable {
    /// The route's name.
    package let route: String
    /// The resource of the Model that requests go to, `namespace/name`; empty without one.
    package let model: String
    /// The backend that gets the copies, `namespace/name`.
    package let mirror: String
    /// What the model is called there; empty where copies keep the caller's name for it.
    package let mirrorModel: String

    /// Labels made fit for the page: see `LabelValue`.
    package init(route: String, model: String, mirror: String, mirrorModel: String = "") {
        self.route = LabelValue.bounded(route)
        self.model = LabelValue.bounded(model)
        self.mirror = LabelValue.bounded(mirror)
        self.mirrorModel = LabelValue.bounded(mirrorModel)
    }

    /// What came after the table was full.
    static let other = MirrorLabels(
        route: LabelValue.other, model: LabelValue.other, mirror: LabelValue.other)
}

/// What is known of one answer of a pair that was compared.
package struct ComparedAnswer: Hashable, Sendable {
    /// The status; 0 when there was no answer.
    package var status: UInt16
    /// Whether it came to its end and is no error.
    package var isGood: Bool
    /// From when the copy was ordered to the first byte of this answer.
    package var firstByte: Nanoseconds?
    /// From when the copy was ordered to the last byte.
    package var total: Nanoseconds
    /// What its server counted.
    package var tokens: TokenCounts
    /// What those tokens cost; nil when nobody said.
    package var cost: Cost?

    /// An answer with `status`.
    package init(
        status: UInt16, isGood: Bool, firstByte: Nanoseconds? = nil, total: Nanoseconds,
        tokens: TokenCounts = TokenCounts(), cost: Cost? = nil
    ) {
        self.status = status
        self.isGood = isGood
        self.firstByte = firstByte
        self.total = total
        self.tokens = tokens
        self.cost = cost
    }
}

/// What came of comparing the answer that a caller got with that of a mirror.
package struct ComparedPair: Hashable, Sendable {
    /// What the caller got.
    package var primary: ComparedAnswer
    /// What the mirror said to the copy.
    package var mirror: ComparedAnswer
    /// How what they say compares; nil unless both are good.
    package var content: Content?

    /// How what two good answers say compares.
    package struct Content: Hashable, Sendable {
        /// Whether the texts are equal to the byte.
        package var sameText: Bool
        /// Whether what was said has the same form: as many choices that ended for the same
        /// reason, JSON of the same shape, the same tools called.
        package var sameStructure: Bool
        /// Whether JSON that was said has the same values, however it is written; nil when what
        /// was said is not JSON on both sides.
        package var sameValues: Bool?
        /// Whether the same tools are called with the same arguments; nil when neither calls any.
        package var sameTools: Bool?
        /// How much the texts mean the same, in ten-thousandths; nil when nobody was asked.
        package var similarity: UInt16?

        /// A comparison of two contents.
        package init(
            sameText: Bool, sameStructure: Bool, sameValues: Bool? = nil, sameTools: Bool? = nil,
            similarity: UInt16? = nil
        ) {
            self.sameText = sameText
            self.sameStructure = sameStructure
            self.sameValues = sameValues
            self.sameTools = sameTools
            self.similarity = similarity
        }
    }

    /// A pair with what is known of its contents.
    package init(primary: ComparedAnswer, mirror: ComparedAnswer, content: Content? = nil) {
        self.primary = primary
        self.mirror = mirror
        self.content = content
    }

    /// Whether both have the same status.
    package var sameStatus: Bool { primary.status == mirror.status }
}

/// The totals of all pairs of one mirror, as rollouts and listings read them.
///
/// Sums of both sides are over the same pairs, those in which both said something, so that a ratio
/// of them means what it says.
package struct MirrorComparison: Hashable, Sendable {
    /// Copies by what became of them, by `CopyResult.rawValue`.
    package var copies: [UInt64] = Array(repeating: 0, count: CopyResult.allCases.count)
    /// Pairs that were compared.
    package var compared: UInt64 = 0
    /// Those with equal statuses.
    package var sameStatus: UInt64 = 0
    /// Those in which both answers are good, so that their contents were compared.
    package var contents: UInt64 = 0
    /// Contents whose texts are equal to the byte.
    package var sameText: UInt64 = 0
    /// Contents of the same form.
    package var sameStructure: UInt64 = 0
    /// Contents that are JSON on both sides.
    package var documents: UInt64 = 0
    /// Those of them with the same values.
    package var sameValues: UInt64 = 0
    /// Contents of which at least one calls tools.
    package var toolCalls: UInt64 = 0
    /// Those of them that call the same tools with the same arguments.
    package var sameTools: UInt64 = 0
    /// Contents whose similarity was measured.
    package var similarities: UInt64 = 0
    /// The sum of those similarities, each 10,000 at most.
    package var similaritySum: UInt64 = 0
    /// Pairs in which both answers said how many tokens they have.
    package var counted: UInt64 = 0
    /// Pairs whose costs are known and in one currency.
    package var priced: UInt64 = 0
    /// Sums of what callers got.
    package var primary = Side()
    /// Sums of what the mirror said.
    package var mirror = Side()

    /// Sums of one side.
    package struct Side: Hashable, Sendable {
        /// Answers that came to their end and are no errors.
        package var good: UInt64 = 0
        /// Pairs in which both answers began, as both sides count them.
        package var firstBytes: UInt64 = 0
        /// Nanoseconds until those answers began.
        package var firstByteSum: UInt64 = 0
        /// Pairs in which both answers are good, as both sides count them.
        package var totals: UInt64 = 0
        /// Nanoseconds until those answers were whole.
        package var totalSum: UInt64 = 0
        /// Tokens that were read.
        package var tokensIn: UInt64 = 0
        /// Tokens that were written.
        package var tokensOut: UInt64 = 0
        /// Trillionths of a unit of currency.
        package var cost: UInt64 = 0
    }

    /// All zero.
    package init() {}

    /// The mean similarity, from 0 to 1; nil when none was measured.
    package var meanSimilarity: Double? {
        similarities == 0 ? nil : Double(similaritySum) / Double(similarities) / 10_000
    }
}

/// What became of a copy.
package enum CopyResult: UInt8, CaseIterable, Sendable {
    /// Its answer was read to the end.
    case answered
    /// Its answer broke off, or was none.
    case broken
    /// No connection could be made.
    case unreachable
    /// It had no answer in time.
    case timeout
    /// It was not sent: too many were on their way.
    case busy
    /// It was not sent: the mirror may not have it, or has no endpoint that takes it.
    case barred

    /// The label value.
    package var label: StaticString {
        switch self {
        case .answered: "answered"
        case .broken: "broken"
        case .unreachable: "unreachable"
        case .timeout: "timeout"
        case .busy: "busy"
        case .barred: "barred"
        }
    }
}

/// Why a pair was not compared, or its similarity not measured.
package enum ComparisonGap: UInt8, CaseIterable, Sendable {
    /// An answer is longer than what is read of it.
    case tooLarge
    /// The caller left before its answer was whole.
    case unfinished
    /// The budget of questions about similarity is used up.
    case budget
    /// The embeddings model gave no answer that could be used.
    case unmeasured

    /// The label value.
    package var label: StaticString {
        switch self {
        case .tooLarge: "too_large"
        case .unfinished: "unfinished"
        case .budget: "budget"
        case .unmeasured: "unmeasured"
        }
    }
}
