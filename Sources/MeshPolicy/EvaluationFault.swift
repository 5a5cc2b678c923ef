// SPDX-License-Identifier: Apache-2.0

/// Why an evaluation has no value.
package struct EvaluationFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package var code: Code
    /// What exactly: the key, the name or the number.
    package var detail: String
    /// Offset of the byte in the text of the expression, or -1.
    package var offset: Int = -1

    /// Every kind of failure.
    package enum Code: Hashable, Sendable, CaseIterable {
        /// No function of this name takes values of these types.
        case noSuchOverload
        /// The map has no such entry, or the list no such place.
        case noSuchKey, indexOutOfRange
        /// The request says it more than once, so that nobody knows which counts.
        case ambiguousFact
        /// The name is not declared; only in programs that were not checked.
        case unknownName
        /// Arithmetic that has no result.
        case overflow, divisionByZero
        /// A text or a number that does not convert.
        case invalidConversion
        /// An argument outside of what the function takes.
        case invalidArgument
        /// A map literal that says one key twice, or has a key of a type that is no key.
        case duplicateKey, unsupportedKey
        /// `value()` of an empty optional.
        case emptyOptional
        /// The driver did not provide a fact that the program reads: our mistake.
        case factNotProvided
        /// The evaluation became too expensive; nothing absorbs this.
        case costExceeded
    }

    /// A failure of this kind.
    package init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    /// What happened, in a lower-case fact for a person.
    package var description: String {
        switch code {
        case .noSuchOverload: "no such overload: \(detail)"
        case .noSuchKey: "no such key: \(detail)"
        case .indexOutOfRange: "index out of range: \(detail)"
        case .ambiguousFact: "there more than once: \(detail)"
        case .unknownName: "undeclared name: \(detail)"
        case .overflow: "range error: \(detail)"
        case .divisionByZero: "division by zero: \(detail)"
        case .invalidConversion: "conversion error: \(detail)"
        case .invalidArgument: "invalid argument: \(detail)"
        case .duplicateKey: "duplicate key: \(detail)"
        case .unsupportedKey: "unsupported key type: \(detail)"
        case .emptyOptional: "the optional is empty: \(detail)"
        case .factNotProvided: "fact not provided: \(detail)"
        case .costExceeded: "the evaluation costs too much: \(detail)"
        }
    }

    /// Whether `&&`, `||` and optional chaining leave it as it is.
    var isFinal: Bool { code == .costExceeded || code == .factNotProvided }
}
