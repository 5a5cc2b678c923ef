// SPDX-License-Identifier: Apache-2.0

extension Checker {
    /// The type of a list literal: the one that all elements share, else `dyn`.
    mutating func list(_ elements: [Syntax.Element]) -> Type {
        var type: Type?
        for element in elements {
            var own = check(element.value)
            if element.isOptional { own = unwrapped(own, at: element.value) }
            type = type.map { substitution.join($0, own) } ?? own
        }
        return .list(type ?? substitution.fresh())
    }

    /// The type of a map literal.
    mutating func map(_ entries: [Syntax.Entry]) -> Type {
        var key: Type?
        var value: Type?
        for entry in entries {
            let ownKey = check(entry.key)
            switch substitution.applied(to: ownKey) {
            case .bool, .int, .uint, .string, .dyn, .parameter: break
            default:
                report(
                    entry.key, "\(shown(ownKey)) cannot be the key of a map",
                    "use a string, an int, a uint or a bool")
            }
            var own = check(entry.value)
            if entry.isOptional { own = unwrapped(own, at: entry.value) }
            key = key.map { substitution.join($0, ownKey) } ?? ownKey
            value = value.map { substitution.join($0, own) } ?? own
        }
        return .map(key ?? substitution.fresh(), value ?? substitution.fresh())
    }

    /// What an optional holds.
    private mutating func unwrapped(_ type: Type, at id: Syntax.ID) -> Type {
        switch substitution.applied(to: type) {
        case .opaque("optional_type", let parameters): return parameters[0]
        case .dyn, .parameter: return .dyn
        default:
            report(
                id, "\(shown(type)) stands where an optional is asked for",
                "leave out the `?`, or wrap it in `optional.of()`")
            return .dyn
        }
    }

    /// The type of an element.
    mutating func index(
        _ operand: Syntax.ID, _ index: Syntax.ID, isOptional: Bool, at id: Syntax.ID
    ) -> Type {
        let type = substitution.applied(to: check(operand))
        let key = check(index)
        var inner = type
        var wraps = isOptional
        if case .opaque("optional_type", let parameters) = type {
            inner = substitution.applied(to: parameters[0])
            wraps = true
        }
        let found: Type
        switch inner {
        case .dyn, .parameter: found = .dyn
        case .list(let element):
            expect(.int, key, at: index)
            found = element
        case .map(let wanted, let value):
            expect(wanted, key, at: index)
            found = value
        default:
            report(id, "\(shown(type)) has no elements", "look into a list or a map")
            found = .dyn
        }
        return wraps ? .optional(found) : found
    }

    /// The type of what a macro makes of a collection.
    mutating func comprehension(_ id: Syntax.ID, _ loop: Syntax.Comprehension) -> Type {
        let (first, second) = elements(of: check(loop.range), loop)
        var variables = [(name: loop.variables[0], type: first)]
        if loop.variables.count == 2 { variables.append((loop.variables[1], second)) }
        return within(variables, at: id) { checker in
            if let condition = loop.condition {
                checker.expect(.bool, checker.check(condition), at: condition)
            }
            return checker.result(of: loop, key: first)
        }
    }

    private mutating func result(of loop: Syntax.Comprehension, key: Type) -> Type {
        let body = check(loop.body)
        switch loop.kind {
        case .all, .exists, .existsOne:
            expect(.bool, body, at: loop.body)
            return .bool
        case .filter:
            expect(.bool, body, at: loop.body)
            return .list(key)
        case .map, .transformList: return .list(body)
        case .transformMap: return .map(key, body)
        case .transformMapEntry:
            expect(.map(.dyn, .dyn), body, at: loop.body)
            return body
        case .optMap: return .optional(body)
        case .optFlatMap:
            expect(.optional(.dyn), body, at: loop.body)
            return body
        }
    }

    /// The types of the variables that run over a collection.
    private mutating func elements(
        of range: Type, _ loop: Syntax.Comprehension
    ) -> (Type, Type) {
        let isDouble = loop.variables.count == 2
        switch (substitution.applied(to: range), loop.kind) {
        case (.opaque("optional_type", let parameters), .optMap),
            (.opaque("optional_type", let parameters), .optFlatMap):
            return (parameters[0], .dyn)
        case (.list(let element), let kind) where kind != .optMap && kind != .optFlatMap:
            return isDouble ? (.int, element) : (element, .dyn)
        case (.map(let key, let value), let kind) where kind != .optMap && kind != .optFlatMap:
            return (key, value)
        case (.dyn, _), (.parameter, _): return (.dyn, .dyn)
        default:
            report(
                loop.range, "`\(loop.kind.rawValue)` cannot run over \(shown(range))",
                loop.kind == .optMap || loop.kind == .optFlatMap
                    ? "call it on an optional" : "call it on a list or a map")
            return (.dyn, .dyn)
        }
    }
}
