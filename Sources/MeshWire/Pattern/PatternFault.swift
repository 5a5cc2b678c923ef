// SPDX-License-Identifier: Apache-2.0

/// Why the text of a pattern was refused, and where.
package struct PatternFault: Error, Hashable, Sendable {
    /// What exactly is wrong.
    package var reason: Reason
    /// Offset of the byte in the text at which it was noticed.
    package var offset: Int

    /// Every way in which a pattern can be refused.
    package enum Reason: Hashable, Sendable, CaseIterable {
        /// Something that was begun is not ended, or is ended without a beginning.
        case unclosedGroup, unopenedGroup, unclosedClass, trailingBackslash
        /// A repetition that cannot be meant as it is written.
        case nothingToRepeat, doubledRepeat, repeatOutOfOrder, repeatTooLarge
        /// Syntax of other dialects that is left out on purpose.
        case backReference, lookAround, atomicGroup, wordBoundary, unicodeClass
        /// A flag, an escape, a name or a range that means nothing here.
        case unknownFlag, unknownEscape, unknownClassName, rangeOutOfOrder, invalidScalar
        case invalidGroupName
        /// A bound of ours was passed.
        case tooDeep, tooLarge
    }

    /// A fault noticed at `offset`.
    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// What happened, in a lower-case fact for a person.
    package var message: StaticString {
        switch reason {
        case .unclosedGroup: "a group is not closed; add a `)`"
        case .unopenedGroup: "a `)` without a `(`; write `\\)` for the character"
        case .unclosedClass: "a character class is not closed; add a `]`"
        case .trailingBackslash: "the pattern ends with a backslash"
        case .nothingToRepeat: "a repetition has nothing before it to repeat"
        case .doubledRepeat: "a repetition of a repetition; put the inner one into `(?:)`"
        case .repeatOutOfOrder: "the least count of a repetition is above its most"
        case .repeatTooLarge: "a repetition of more than 1000"
        case .backReference: "back-references are not supported: they cannot match in linear time"
        case .lookAround: "look-around is not supported: only linear-time syntax is"
        case .atomicGroup: "atomic and conditional groups are not supported"
        case .wordBoundary: "word boundaries are not supported"
        case .unicodeClass: "Unicode property classes are not supported; use ranges"
        case .unknownFlag: "an unknown flag; `i` and `s` are supported"
        case .unknownEscape: "an unknown escape"
        case .unknownClassName: "an unknown class name between `[:` and `:]`"
        case .rangeOutOfOrder: "a range in a character class that is not in order"
        case .invalidScalar: "a number that is not a Unicode scalar value"
        case .invalidGroupName: "a group name must be letters, digits and `_`"
        case .tooDeep: "groups are nested more than 100 deep"
        case .tooLarge: "the pattern is too large; shorten its repetitions"
        }
    }
}
