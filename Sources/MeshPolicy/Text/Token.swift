// SPDX-License-Identifier: Apache-2.0

/// A word of an expression.
struct Token: Equatable {
    var kind: Kind
    /// Offset of its first byte.
    var offset: Int

    /// What can be said.
    enum Kind: Equatable {
        case end
        case identifier(String)
        /// A name between backquotes, which may only be selected.
        case quoted(String)
        /// A word that the language keeps for itself; it may still be selected.
        case reserved(String)
        case null, yes, no
        /// A whole number without its sign.
        case int(UInt64)
        case uint(UInt64)
        case double(Double)
        case string(String)
        case bytes([UInt8])
        case symbol(Symbol)
    }

    /// Operators and punctuation.
    enum Symbol: String, CaseIterable {
        case equal = "=="
        case notEqual = "!="
        case lessOrEqual = "<="
        case greaterOrEqual = ">="
        case and = "&&"
        case or = "||"
        case less = "<"
        case greater = ">"
        case `in` = "in"
        case plus = "+"
        case minus = "-"
        case times = "*"
        case divided = "/"
        case remainder = "%"
        case not = "!"
        case question = "?"
        case colon = ":"
        case comma = ","
        case dot = "."
        case openParenthesis = "("
        case closeParenthesis = ")"
        case openBracket = "["
        case closeBracket = "]"
        case openBrace = "{"
        case closeBrace = "}"
    }

    /// The token as a person would name it.
    var name: String {
        switch kind {
        case .end: "the end"
        case .identifier(let name), .reserved(let name): "`\(name)`"
        case .quoted(let name): "`\u{60}\(name)\u{60}`"
        case .null: "`null`"
        case .yes: "`true`"
        case .no: "`false`"
        case .int, .uint, .double: "a number"
        case .string: "a string"
        case .bytes: "bytes"
        case .symbol(let symbol): "`\(symbol.rawValue)`"
        }
    }
}
