// SPDX-License-Identifier: Apache-2.0

/// Reads tokens as an expression, and expands its macros.
///
/// **Source** the language definition of cel-spec, section "Syntax".
struct Parser {
    let tokens: [Token]
    var index = 0
    var syntax = Syntax()
    private var depth = 0

    /// The tree of `text`.
    static func parse(_ text: [UInt8]) throws(Fault) -> Syntax {
        guard text.count <= Limits.textBytesMax else {
            throw Fault(
                at: 0, "the expression has \(text.count) bytes, more than \(Limits.textBytesMax)",
                "split it into several rules")
        }
        var parser = Parser(tokens: try Lexer.tokens(of: text))
        parser.syntax.root = try parser.expression()
        guard parser.token.kind == .end else { throw parser.unexpected("an operator or the end") }
        return parser.syntax
    }

    private init(tokens: [Token]) { self.tokens = tokens }

    /// The token that stands here.
    var token: Token { tokens[index] }

    /// Steps over `symbol` if it stands here.
    mutating func take(_ symbol: Token.Symbol) -> Bool {
        guard token.kind == .symbol(symbol) else { return false }
        index += 1
        return true
    }

    /// Steps over `symbol`, which must stand here.
    mutating func expect(_ symbol: Token.Symbol) throws(Fault) {
        guard take(symbol) else { throw unexpected("`\(symbol.rawValue)`") }
    }

    /// A fault that names the token here and what could have stood in its place.
    func unexpected(_ wanted: String) -> Fault {
        Fault(at: token.offset, "\(token.name) does not fit here", "write \(wanted)")
    }

    /// Reads an expression with its conditional.
    mutating func expression() throws(Fault) -> Syntax.ID {
        try enter()
        defer { depth -= 1 }
        let condition = try binary(1)
        let offset = token.offset
        guard take(.question) else { return condition }
        let yes = try binary(1)
        try expect(.colon)
        let no = try expression()
        return try syntax.add(.conditional(condition, yes, no), at: offset)
    }

    private mutating func enter() throws(Fault) {
        depth += 1
        guard depth <= Limits.depthMax else {
            throw Fault(
                at: token.offset, "the expression is nested more than \(Limits.depthMax) deep",
                "split it into several rules")
        }
    }

    /// How strongly an operator binds, or nil for what is none.
    private static func strength(_ kind: Token.Kind) -> Int? {
        guard case .symbol(let symbol) = kind else { return nil }
        switch symbol {
        case .or: return 1
        case .and: return 2
        case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .in: return 3
        case .plus, .minus: return 4
        case .times, .divided, .remainder: return 5
        default: return nil
        }
    }

    /// Reads operands and the operators between them that bind with `least` or more.
    private mutating func binary(_ least: Int) throws(Fault) -> Syntax.ID {
        var left = try unary()
        while let strength = Self.strength(token.kind), strength >= least,
            case .symbol(let symbol) = token.kind
        {
            let offset = token.offset
            if symbol == .and || symbol == .or {
                // Chains are one node: long ones are then not deep.
                var operands = [left]
                while take(symbol) { operands.append(try binary(strength + 1)) }
                left = try syntax.add(symbol == .and ? .and(operands) : .or(operands), at: offset)
                continue
            }
            index += 1
            let right = try binary(strength + 1)
            left = try syntax.add(.call("_\(symbol.rawValue)_", [left, right]), at: offset)
        }
        return left
    }

    private mutating func unary() throws(Fault) -> Syntax.ID {
        let offset = token.offset
        if take(.not) {
            var isOdd = true
            while take(.not) { isOdd.toggle() }
            let operand = try member()
            let once = try syntax.add(.call("!_", [operand]), at: offset)
            return isOdd ? once : try syntax.add(.call("!_", [once]), at: offset)
        }
        var count = 0
        while token.kind == .symbol(.minus), !isNumber(tokens[index + 1].kind) {
            index += 1
            count += 1
        }
        let operand = try member()
        guard count > 0 else { return operand }
        let once = try syntax.add(.call("-_", [operand]), at: offset)
        return count % 2 == 1 ? once : try syntax.add(.call("-_", [once]), at: offset)
    }

    private func isNumber(_ kind: Token.Kind) -> Bool {
        switch kind {
        case .int, .double: true
        default: false
        }
    }
}
