// SPDX-License-Identifier: Apache-2.0

extension Parser {
    /// A call of `name`, or what the macro of that name stands for.
    mutating func globalCall(
        _ name: String, _ arguments: [Syntax.ID], at offset: Int
    ) throws(Fault) -> Syntax.ID {
        guard name == "has" || name == ".has" else {
            return try syntax.add(.call(name, arguments), at: offset)
        }
        guard arguments.count == 1,
            case .select(let operand, let field, isOptional: false) =
                syntax.nodes[arguments[0]].kind
        else {
            throw Fault(
                at: offset, "`has()` takes one selection of a field",
                "write it as in `has(request.auth)`; for keys, use `'key' in map`")
        }
        return try syntax.add(.has(operand, field), at: offset)
    }

    /// A call of `name` on `target`, or what the macro of that name stands for.
    mutating func memberCall(
        _ target: Syntax.ID, _ name: String, _ arguments: [Syntax.ID], at offset: Int
    ) throws(Fault) -> Syntax.ID {
        if case .identifier("cel") = syntax.nodes[target].kind,
            let expanded = try celMacro(name, arguments, at: offset)
        {
            return expanded
        }
        let count = arguments.count
        let kind: Syntax.Comprehension.Kind? =
            switch (name, count) {
            case ("all", 2), ("all", 3): .all
            case ("exists", 2), ("exists", 3): .exists
            case ("exists_one", 2), ("existsOne", 2), ("exists_one", 3), ("existsOne", 3):
                .existsOne
            case ("map", 2), ("map", 3): .map
            case ("filter", 2): .filter
            case ("transformList", 3), ("transformList", 4): .transformList
            case ("transformMap", 3), ("transformMap", 4): .transformMap
            case ("transformMapEntry", 3), ("transformMapEntry", 4): .transformMapEntry
            case ("optMap", 2): .optMap
            case ("optFlatMap", 2): .optFlatMap
            default: nil
            }
        guard let kind else {
            return try syntax.add(.memberCall(target, name, arguments), at: offset)
        }
        return try comprehension(kind, over: target, arguments, at: offset)
    }

    private mutating func comprehension(
        _ kind: Syntax.Comprehension.Kind, over range: Syntax.ID, _ arguments: [Syntax.ID],
        at offset: Int
    ) throws(Fault) -> Syntax.ID {
        let count = arguments.count
        var names = 1
        var isFiltered = false
        switch kind {
        case .map: isFiltered = count == 3
        case .filter, .optMap, .optFlatMap: break
        case .all, .exists, .existsOne: names = count - 1
        case .transformList, .transformMap, .transformMapEntry:
            names = 2
            isFiltered = count == 4
        }
        var variables: [String] = []
        for argument in arguments.prefix(names) {
            guard case .identifier(let name) = syntax.nodes[argument].kind, !name.hasPrefix(".")
            else {
                throw Fault(
                    at: syntax.nodes[argument].offset,
                    "`\(kind.rawValue)` takes the name of a variable here",
                    "write it as in `list.\(kind.rawValue)(x, …)`")
            }
            guard !variables.contains(name) else {
                throw Fault(
                    at: syntax.nodes[argument].offset, "the variable `\(name)` is named twice",
                    "give the two variables different names")
            }
            variables.append(name)
        }
        return try syntax.add(
            .comprehension(
                Syntax.Comprehension(
                    kind: kind, variables: variables, range: range,
                    condition: isFiltered ? arguments[names] : nil, body: arguments[count - 1])),
            at: offset)
    }

    /// What `cel.name(…)` stands for, or nil when it is no macro.
    private mutating func celMacro(
        _ name: String, _ arguments: [Syntax.ID], at offset: Int
    ) throws(Fault) -> Syntax.ID? {
        switch (name, arguments.count) {
        case ("bind", 3):
            guard case .identifier(let variable) = syntax.nodes[arguments[0]].kind else {
                throw Fault(
                    at: offset, "`cel.bind` takes the name of a variable first",
                    "write it as in `cel.bind(x, value, x + x)`")
            }
            return try syntax.add(.bind(variable, arguments[1], arguments[2]), at: offset)
        case ("block", 2):
            guard case .list(let elements) = syntax.nodes[arguments[0]].kind else {
                throw Fault(
                    at: offset, "`cel.block` takes a list of expressions first", "write `[…]`")
            }
            var body = arguments[1]
            for (place, element) in elements.enumerated().reversed() {
                body = try syntax.add(.bind("@index\(place)", element.value, body), at: offset)
            }
            return body
        case ("index", 1):
            return try syntax.add(.identifier("@index\(try whole(arguments[0]))"), at: offset)
        case ("iterVar", 2):
            let name = "@it:\(try whole(arguments[0])):\(try whole(arguments[1]))"
            return try syntax.add(.identifier(name), at: offset)
        default: return nil
        }
    }

    private func whole(_ id: Syntax.ID) throws(Fault) -> Int64 {
        guard case .literal(.int(let value)) = syntax.nodes[id].kind, value >= 0 else {
            throw Fault(
                at: syntax.nodes[id].offset, "a whole number must stand here", "write a literal")
        }
        return value
    }
}
