// SPDX-License-Identifier: Apache-2.0

extension Checker {
    /// The type of a call without a receiver.
    mutating func call(_ id: Syntax.ID, _ name: String, _ arguments: [Syntax.ID]) -> Type {
        for candidate in environment.candidates(for: name) {
            let found = signatures(candidate).filter { !$0.isMember }
            guard !found.isEmpty else { continue }
            references[id] = Function(rawValue: candidate).map(Reference.function)
            return overload(id, candidate, found, arguments)
        }
        for argument in arguments { check(argument) }
        let isMember = signatures(name).contains(where: \.isMember)
        report(
            id, "there is no function `\(name)`",
            isMember ? "call it on a value, as in `x.\(name)()`" : nearestFunction(name))
        return .dyn
    }

    /// The type of a call with something before its dot.
    mutating func memberCall(
        _ id: Syntax.ID, _ target: Syntax.ID, _ name: String, _ arguments: [Syntax.ID]
    ) -> Type {
        if let prefix = dottedName(target), !scope.contains(where: { $0.name == prefix }) {
            for candidate in environment.candidates(for: prefix + "." + name) {
                let found = signatures(candidate).filter { !$0.isMember }
                guard !found.isEmpty else { continue }
                references[id] = Function(rawValue: candidate).map(Reference.namespaced)
                return overload(id, candidate, found, arguments)
            }
        }
        let found = signatures(name).filter(\.isMember)
        guard !found.isEmpty else {
            for part in [target] + arguments { check(part) }
            let isGlobal = !signatures(name).isEmpty
            report(
                id, "there is no function `\(name)` of a value",
                isGlobal ? "write `\(name)(x)`" : nearestFunction(name))
            return .dyn
        }
        references[id] = Function(rawValue: name).map(Reference.function)
        return overload(id, name, found, [target] + arguments)
    }

    /// The result of those of `signatures` that take `arguments`.
    private mutating func overload(
        _ id: Syntax.ID, _ name: String, _ signatures: [Signature], _ arguments: [Syntax.ID]
    ) -> Type {
        let found = arguments.map { check($0) }
        if name == "math.greatest" || name == "math.least" { return extremum(id, name, found) }
        var result: Type?
        for signature in signatures where signature.parameters.count == found.count {
            let (parameters, type) = instantiated(signature)
            guard substitution.accepts(found, for: parameters) else { continue }
            let own = substitution.applied(to: type)
            if let known = result, known != own { result = .dyn } else { result = own }
        }
        if let result { return result }
        let shown = found.map { self.shown($0) }.joined(separator: ", ")
        let shapes = signatures.prefix(6).map { "`\($0.shape)`" }.joined(separator: ", ")
        report(
            id, "no overload of `\(Self.plain(name))` takes (\(shown))",
            "it takes \(shapes)" + (signatures.count > 6 ? ", …" : ""))
        return .dyn
    }

    /// The signature with unknown types of its own.
    private mutating func instantiated(_ signature: Signature) -> ([Type], Type) {
        let unknowns = signature.unknowns
        guard !unknowns.isEmpty else { return (signature.parameters, signature.result) }
        var own: [String: Type] = [:]
        for name in unknowns { own[name] = substitution.fresh() }
        func renamed(_ type: Type) -> Type {
            if case .parameter(let name) = type { return own[name] ?? type }
            return type.parameters.isEmpty ? type : type.with(type.parameters.map(renamed))
        }
        return (signature.parameters.map(renamed), renamed(signature.result))
    }

    /// The result of `math.greatest` and `math.least`, which take any count of numbers.
    private mutating func extremum(_ id: Syntax.ID, _ name: String, _ found: [Type]) -> Type {
        var numbers = found.map { substitution.applied(to: $0) }
        if numbers.count == 1, case .list(let element) = numbers[0] {
            numbers = [substitution.applied(to: element)]
        }
        let isFine = numbers.allSatisfy {
            $0 == .int || $0 == .uint || $0 == .double || $0.isOpen
        }
        if numbers.isEmpty || !isFine {
            let shown = found.map { self.shown($0) }.joined(separator: ", ")
            report(
                id, "no overload of `\(name)` takes (\(shown))",
                "it takes numbers, or one list of numbers")
            return .dyn
        }
        return numbers.allSatisfy { $0 == numbers[0] } ? numbers[0] : .dyn
    }

    /// An operator without the marks of its places.
    private static func plain(_ name: String) -> String {
        let isOperator = Function(rawValue: name) != nil && (name.contains("_"))
        return isOperator ? name.split(separator: "_").joined() : name
    }

    private func nearestFunction(_ name: String) -> String {
        let lower = name.lowercased()
        let near = Function.allCases.first { $0.rawValue.lowercased() == lower }
        return near.map { "did you mean `\($0.rawValue)`?" } ?? "see the list in Docs/cel.md"
    }
}
