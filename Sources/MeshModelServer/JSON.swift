// SPDX-License-Identifier: Apache-2.0

/// A JSON value whose objects keep the order of their members, so that what we send reads like
/// what the real servers send.
enum JSON: Hashable, Sendable {
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    /// One name and value of an object.
    struct Member: Hashable, Sendable {
        var name: String
        var value: JSON
    }

    /// The value of the object's first member of that name; nil for anything else.
    subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The text of a string.
    var text: String? { if case .string(let text) = self { text } else { nil } }
    /// The elements of an array.
    var elements: [JSON]? { if case .array(let elements) = self { elements } else { nil } }
    /// The members of an object.
    var members: [Member]? { if case .object(let members) = self { members } else { nil } }
    /// Whether the value is `true`.
    var isTrue: Bool { self == .boolean(true) }
    /// Whether the value is `null`.
    var isNull: Bool { self == .null }

    /// The whole number that the value is, also when it was written with a fraction of zero.
    var whole: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        case .null, .boolean, .string, .array, .object: nil
        }
    }

    /// An object from a list of members, some of which may be left out.
    static func members(_ members: [(String, JSON)?]) -> JSON {
        .object(members.compactMap { $0.map { Member(name: $0.0, value: $0.1) } })
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    init(nilLiteral: ()) { self = .null }
    init(booleanLiteral value: Bool) { self = .boolean(value) }
    init(integerLiteral value: Int) { self = .integer(value) }
    init(stringLiteral value: String) { self = .string(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }
}
