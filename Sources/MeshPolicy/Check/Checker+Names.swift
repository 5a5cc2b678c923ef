// SPDX-License-Identifier: Apache-2.0

extension Checker {
    /// The names of types, which are values of the type `type`.
    private static let typeNames: [String: Type] = [
        "bool": .bool, "int": .int, "uint": .uint, "double": .double, "string": .string,
        "bytes": .bytes, "list": .list(.dyn), "map": .map(.dyn, .dyn), "null_type": .null,
        "type": .type(.dyn), "optional_type": .optional(.dyn),
        "google.protobuf.Timestamp": .timestamp, "google.protobuf.Duration": .duration,
        "net.IP": .address, "net.CIDR": .network,
    ]

    /// The type of a plain name.
    mutating func identifier(_ id: Syntax.ID, _ name: String) -> Type {
        if let place = scope.lastIndex(where: { $0.name == name }) {
            references[id] = .local(place)
            return scope[place].type
        }
        if let type = global(id, name) { return type }
        report(id, "undeclared name `\(name)`", suggestion(for: name))
        return .dyn
    }

    /// The type of a fact or a type called `name`, or nil when there is none.
    private mutating func global(_ id: Syntax.ID, _ name: String) -> Type? {
        for candidate in environment.candidates(for: name) {
            if let fact = fact(candidate) {
                references[id] = .fact(fact)
                return environment.facts[fact].type
            }
            if let type = Self.typeNames[candidate] {
                references[id] = .type(candidate)
                return .type(type)
            }
            if candidate == "google.protobuf.NullValue.NULL_VALUE" {
                references[id] = .wellKnown(.null)
                return .null
            }
        }
        return nil
    }

    /// The type of a dotted name that is a name as a whole, or nil. The longest wins.
    mutating func qualified(_ id: Syntax.ID) -> Type? {
        guard let name = dottedName(id), !isLocal(name) else { return nil }
        return global(id, name)
    }

    /// Whether the dotted name is that of a fact, which then is what `id` refers to.
    mutating func isFact(_ id: Syntax.ID, _ name: String) -> Bool {
        guard !isLocal(name) else { return false }
        for candidate in environment.candidates(for: name) {
            guard let fact = fact(candidate) else { continue }
            references[id] = .fact(fact)
            return true
        }
        return false
    }

    /// The dotted name at `id` when neither it nor any front part of it is known, else nil.
    func unknownName(_ id: Syntax.ID) -> String? {
        guard let name = dottedName(id), !isLocal(name) else { return nil }
        var parts = name.split(separator: ".", omittingEmptySubsequences: false)
        while !parts.isEmpty {
            for candidate in environment.candidates(for: parts.joined(separator: "."))
            where fact(candidate) != nil || Self.typeNames[candidate] != nil {
                return nil
            }
            parts.removeLast()
        }
        return name
    }

    /// The first name of a dotted one.
    func leftmost(_ id: Syntax.ID) -> Syntax.ID {
        if case .select(let operand, _, _) = syntax.nodes[id].kind { return leftmost(operand) }
        return id
    }

    /// Whether the first part of a dotted name is a variable.
    private func isLocal(_ name: String) -> Bool {
        let root = name.prefix { $0 != "." }
        return scope.contains { $0.name == root }
    }

    /// The dotted name that the node spells, or nil when it is anything else.
    func dottedName(_ id: Syntax.ID) -> String? {
        switch syntax.nodes[id].kind {
        case .identifier(let name): name
        case .select(let operand, let field, isOptional: false):
            dottedName(operand).map { $0 + "." + field }
        default: nil
        }
    }

    /// The type of a field.
    mutating func select(
        _ operand: Syntax.ID, _ field: String, isOptional: Bool, at id: Syntax.ID
    ) -> Type {
        let type = substitution.applied(to: check(operand))
        var inner = type
        var wraps = isOptional
        if case .opaque("optional_type", let parameters) = type {
            inner = substitution.applied(to: parameters[0])
            wraps = true
        }
        let found: Type
        switch inner {
        case .dyn, .parameter: found = .dyn
        case .map(let key, let value):
            expect(key, .string, at: id)
            found = value
        default:
            report(
                id, "\(shown(type)) has no fields", "select from a map, or name a declared fact")
            found = .dyn
        }
        return wraps ? .optional(found) : found
    }

    /// What to do about a name that nobody knows: the nearest one, or the list.
    func suggestion(for name: String) -> String {
        let known = environment.facts.map(\.name)
        let near = known.min { distance($0, name) < distance($1, name) }
        if let near, distance(near, name) <= max(1, name.utf8.count / 3) {
            return "did you mean `\(near)`?"
        }
        if known.isEmpty { return "declare it" }
        let shown = known.prefix(12).map { "`\($0)`" }.joined(separator: ", ")
        return "known facts are \(shown)" + (known.count > 12 ? ", …" : "")
    }

    /// How many letters must change for one to be the other.
    private func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8.prefix(64)), Array(b.utf8.prefix(64)))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var corner = i
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let next = min(row[j], row[j + 1]) + 1
                let replaced = corner + (x == y ? 0 : 1)
                corner = row[j + 1]
                row[j + 1] = min(next, replaced)
            }
        }
        return row[b.count]
    }
}
