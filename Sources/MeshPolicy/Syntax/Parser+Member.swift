// SPDX-License-Identifier: Apache-2.0

extension Parser {
    /// Reads a primary and all that selects from it, calls it or looks into it.
    mutating func member() throws(Fault) -> Syntax.ID {
        var operand = try primary()
        while true {
            let offset = token.offset
            if take(.dot) {
                let isOptional = take(.question)
                let place = token.offset
                let name = try selector()
                if !isOptional, take(.openParenthesis) {
                    let arguments = try arguments()
                    operand = try memberCall(operand, name, arguments, at: place)
                } else {
                    operand = try syntax.add(
                        .select(operand, name, isOptional: isOptional), at: place)
                }
            } else if take(.openBracket) {
                let isOptional = take(.question)
                let index = try expression()
                try expect(.closeBracket)
                operand = try syntax.add(.index(operand, index, isOptional: isOptional), at: offset)
            } else if token.kind == .symbol(.openBrace), let name = messageName(operand) {
                operand = try message(name, at: syntax.nodes[operand].offset)
            } else {
                return operand
            }
        }
    }

    /// Reads a name behind a dot, which may be a reserved word.
    private mutating func selector() throws(Fault) -> String {
        switch token.kind {
        case .identifier(let name), .reserved(let name), .quoted(let name):
            index += 1
            return name
        default: throw unexpected("the name of a field or a function")
        }
    }

    private mutating func arguments() throws(Fault) -> [Syntax.ID] {
        var arguments: [Syntax.ID] = []
        if take(.closeParenthesis) { return arguments }
        repeat { arguments.append(try expression()) } while take(.comma)
        try expect(.closeParenthesis)
        return arguments
    }

    private mutating func primary() throws(Fault) -> Syntax.ID {
        let offset = token.offset
        let kind = token.kind
        index += 1
        switch kind {
        case .null: return try syntax.add(.literal(.null), at: offset)
        case .yes: return try syntax.add(.literal(.bool(true)), at: offset)
        case .no: return try syntax.add(.literal(.bool(false)), at: offset)
        case .int(let value):
            guard let whole = Int64(exactly: value) else {
                throw Fault(
                    at: offset, "the number \(value) does not fit into an int",
                    "write a uint, as in `\(value)u`")
            }
            return try syntax.add(.literal(.int(whole)), at: offset)
        case .uint(let value): return try syntax.add(.literal(.uint(value)), at: offset)
        case .double(let value): return try syntax.add(.literal(.double(value)), at: offset)
        case .string(let value): return try syntax.add(.literal(.string(value)), at: offset)
        case .bytes(let value): return try syntax.add(.literal(.bytes(value)), at: offset)
        case .identifier(let name): return try named(name, at: offset)
        case .symbol(.dot):
            guard case .identifier(let name) = token.kind else { break }
            index += 1
            return try named("." + name, at: offset)
        case .symbol(.minus): return try negativeNumber(at: offset)
        case .symbol(.openParenthesis):
            let inner = try expression()
            try expect(.closeParenthesis)
            return inner
        case .symbol(.openBracket): return try list(at: offset)
        case .symbol(.openBrace): return try map(at: offset)
        case .reserved(let name):
            throw Fault(at: offset, "`\(name)` is a reserved word", "use another name")
        default: break
        }
        index -= 1
        throw unexpected("a value")
    }

    private mutating func negativeNumber(at offset: Int) throws(Fault) -> Syntax.ID {
        switch token.kind {
        case .int(let value):
            index += 1
            let bits = Int64(truncatingIfNeeded: 0 &- value)
            return try syntax.add(.literal(.int(bits)), at: offset)
        case .double(let value):
            index += 1
            return try syntax.add(.literal(.double(-value)), at: offset)
        default: throw unexpected("a number")
        }
    }

    private mutating func named(_ name: String, at offset: Int) throws(Fault) -> Syntax.ID {
        guard take(.openParenthesis) else { return try syntax.add(.identifier(name), at: offset) }
        return try globalCall(name, try arguments(), at: offset)
    }

    private mutating func list(at offset: Int) throws(Fault) -> Syntax.ID {
        var elements: [Syntax.Element] = []
        while token.kind != .symbol(.closeBracket) {
            let isOptional = take(.question)
            elements.append(Syntax.Element(value: try expression(), isOptional: isOptional))
            guard take(.comma) else { break }
        }
        try expect(.closeBracket)
        return try syntax.add(.list(elements), at: offset)
    }

    private mutating func map(at offset: Int) throws(Fault) -> Syntax.ID {
        var entries: [Syntax.Entry] = []
        while token.kind != .symbol(.closeBrace) {
            let isOptional = take(.question)
            let key = try expression()
            try expect(.colon)
            entries.append(
                Syntax.Entry(key: key, value: try expression(), isOptional: isOptional))
            guard take(.comma) else { break }
        }
        try expect(.closeBrace)
        return try syntax.add(.map(entries), at: offset)
    }

    private mutating func message(_ name: String, at offset: Int) throws(Fault) -> Syntax.ID {
        try expect(.openBrace)
        var fields: [Syntax.Field] = []
        while token.kind != .symbol(.closeBrace) {
            let isOptional = take(.question)
            let field = try selector()
            try expect(.colon)
            fields.append(
                Syntax.Field(name: field, value: try expression(), isOptional: isOptional))
            guard take(.comma) else { break }
        }
        try expect(.closeBrace)
        return try syntax.add(.message(name, fields), at: offset)
    }

    /// The dotted name that `id` spells, or nil when it is anything else.
    private func messageName(_ id: Syntax.ID) -> String? {
        switch syntax.nodes[id].kind {
        case .identifier(let name): name
        case .select(let operand, let field, isOptional: false):
            messageName(operand).map { $0 + "." + field }
        default: nil
        }
    }
}
