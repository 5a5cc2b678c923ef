// SPDX-License-Identifier: Apache-2.0

/// Why JSON bytes were refused, and where.
///
/// Two words wide so that a typed throw travels in registers: the sentence a person reads is
/// looked up from `reason` only when somebody asks for it.
package struct JSONFault: Error, Hashable, Sendable {
    /// What exactly is wrong.
    package var reason: Reason
    /// Offset of the byte at which it was noticed.
    package var offset: Int

    /// The stable code that a caller is shown.
    package enum Code: String, Hashable, Sendable {
        /// The bytes are not one JSON document of RFC 8259.
        case invalidJSON = "invalid_json"
        /// Two readers could take different values from the same name.
        case duplicateKey = "duplicate_key"
        /// More nested levels than `JSONGrammar.depthMax`.
        case tooDeep = "too_deep"
        /// The document or one of its numbers is larger than we read.
        case tooLarge = "too_large"
        /// A value we act on has another type than its name promises.
        case wrongType = "wrong_type"
    }

    /// Every way in which a document can be refused.
    package enum Reason: UInt8, Hashable, Sendable, CaseIterable {
        /// The bytes are not one document, or not one in UTF-8.
        case truncated, unexpectedByte, trailingBytes, byteOrderMark, controlByte, invalidUTF8
        /// A string or a number is not what the grammar says.
        case invalidEscape, loneSurrogate, invalidNumber
        /// Two readers could take different values from the same name.
        case duplicateKey, caseVariantKey
        /// A bound of ours was passed.
        case tooDeep, documentTooLarge, numberTooLong
        /// A value we act on has another type than its name promises.
        case notAnObject, notAString, notABoolean, notACount, notAnArray, notAnOptionsObject
    }

    /// A fault noticed at `offset`.
    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// The stable code of the fault.
    package var code: Code {
        switch reason {
        case .truncated, .unexpectedByte, .trailingBytes, .byteOrderMark, .controlByte,
            .invalidUTF8, .invalidEscape, .loneSurrogate, .invalidNumber:
            .invalidJSON
        case .duplicateKey, .caseVariantKey: .duplicateKey
        case .tooDeep: .tooDeep
        case .documentTooLarge, .numberTooLong: .tooLarge
        case .notAnObject, .notAString, .notABoolean, .notACount, .notAnArray,
            .notAnOptionsObject:
            .wrongType
        }
    }

    /// What happened, in a lower-case fact for a person.
    package var message: StaticString {
        switch reason {
        case .truncated: "the document ends before its last value does"
        case .unexpectedByte: "a byte that cannot stand here"
        case .trailingBytes: "bytes behind the end of the document"
        case .byteOrderMark: "the document begins with a byte order mark"
        case .controlByte: "a control byte inside a string must be escaped"
        case .invalidUTF8: "a string is not valid UTF-8"
        case .invalidEscape: "an escape that JSON does not know"
        case .loneSurrogate: "an escaped surrogate without its other half"
        case .invalidNumber: "a number that JSON does not allow"
        case .duplicateKey: "a name the mesh acts on is given more than once"
        case .caseVariantKey: "a name differs only in letter case from one the mesh acts on"
        case .tooDeep: "more than 64 nested levels"
        case .documentTooLarge: "the document is larger than 2 GiB"
        case .numberTooLong: "a number of more than 1024 bytes"
        case .notAnObject: "the document is not an object"
        case .notAString: "the value must be a string"
        case .notABoolean: "the value must be true or false"
        case .notACount: "the value must be a whole number of 0 or more"
        case .notAnArray: "the value must be an array"
        case .notAnOptionsObject: "the value must be an object"
        }
    }
}
