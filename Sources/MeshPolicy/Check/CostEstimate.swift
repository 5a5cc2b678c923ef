// SPDX-License-Identifier: Apache-2.0

/// The most that an evaluation can cost, reckoned from the sizes of literals and facts.
///
/// One unit is about ten nanoseconds: a node, an element of a loop, or eight bytes of a text that
/// a function looks at. The evaluation counts the same units and stops at the same limit, so a
/// wrong guess here costs nothing but a late failure.
struct CostEstimate {
    private let checked: Checker.Result
    private let environment: Environment
    /// The largest sizes of the variables in scope.
    private var locals: [Size]

    /// What is known of an expression.
    struct Bound {
        var cost: Int
        /// The part that costs most: a loop, or the whole.
        var worst: Syntax.ID
    }

    /// How large a value may be: its own size, and that of what it holds.
    private struct Size {
        var own = 1
        var inner = 1
    }

    /// The bound of a checked tree.
    static func estimate(_ checked: Checker.Result, in environment: Environment) -> Bound {
        var estimate = CostEstimate(
            checked: checked, environment: environment,
            locals: Array(repeating: Size(), count: checked.localCount))
        var worst = (cost: -1, id: checked.syntax.root)
        let (cost, _) = estimate.bound(checked.syntax.root, &worst)
        return Bound(cost: cost, worst: worst.id)
    }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, isOver) = a.addingReportingOverflow(b)
        return isOver ? .max : sum
    }

    private static func product(_ a: Int, _ b: Int) -> Int {
        let (product, isOver) = a.multipliedReportingOverflow(by: b)
        return isOver ? .max : product
    }

    private mutating func bound(
        _ id: Syntax.ID, _ worst: inout (cost: Int, id: Syntax.ID)
    ) -> (Int, Size) {
        let (cost, size) = reckoned(id, &worst)
        switch checked.types[id] {
        case .null, .bool, .int, .uint, .double, .duration, .timestamp, .type:
            return (cost, Size())
        default: return (cost, size)
        }
    }

    private mutating func reckoned(
        _ id: Syntax.ID, _ worst: inout (cost: Int, id: Syntax.ID)
    ) -> (Int, Size) {
        switch checked.references[id] {
        case .fact(let fact):
            let declaration = environment.facts[fact]
            return (1, Size(own: declaration.sizeMax, inner: declaration.sizeMax))
        case .local(let place):
            if case .identifier = checked.syntax.nodes[id].kind { return (1, locals[place]) }
        default: break
        }
        switch checked.syntax.nodes[id].kind {
        case .literal(let value): return (1, Size(own: value.size))
        case .identifier: return (1, Size())
        case .comprehension(let loop): return self.loop(id, loop, &worst)
        case .bind(_, let value, let body):
            let (first, size) = bound(value, &worst)
            if case .local(let place)? = checked.references[id] { locals[place] = size }
            let (second, result) = bound(body, &worst)
            return (Self.sum(first, second), result)
        default: return parts(id, &worst)
        }
    }

    /// What a node costs beside its parts depends on how much it has to look at.
    private mutating func parts(
        _ id: Syntax.ID, _ worst: inout (cost: Int, id: Syntax.ID)
    ) -> (Int, Size) {
        var cost = 1
        var own = 0
        var largest = 1
        var inner = 1
        var sizes: [Int] = []
        let kind = checked.syntax.nodes[id].kind
        var children = Syntax.children(of: kind)
        if case .namespaced? = checked.references[id] { children.removeFirst() }
        for child in children {
            let (part, size) = bound(child, &worst)
            cost = Self.sum(cost, part)
            own = Self.sum(own, size.own)
            largest = max(largest, size.own)
            sizes.append(size.own)
            inner = max(inner, size.inner)
        }
        switch kind {
        case .list, .map: return (cost, Size(own: children.count, inner: largest))
        case .select, .index: return (cost, Size(own: inner, inner: inner))
        case .conditional, .and, .or: return (cost, Size(own: largest, inner: inner))
        case .call, .memberCall:
            guard let function = function(id) else { return (cost, Size(own: own, inner: inner)) }
            let isKnown = children.last.map(isLiteral) ?? true
            cost = Self.sum(cost, Self.sum(own / 8, Self.surcharge(function, sizes, isKnown)))
            switch function {
            case .replace: own = Self.product(own, largest)
            case .join, .format: own = Self.product(own, inner)
            case .split: inner = largest
            default: break
            }
            return (cost, Size(own: min(own, Limits.textMadeMax), inner: inner))
        default: return (cost, Size(own: own, inner: inner))
        }
    }

    /// The function that the call at `id` is of, or nil.
    private func function(_ id: Syntax.ID) -> Function? {
        switch checked.references[id] {
        case .function(let function), .namespaced(let function): function
        default: nil
        }
    }

    private func isLiteral(_ id: Syntax.ID) -> Bool {
        if case .literal = checked.syntax.nodes[id].kind { true } else { false }
    }

    /// What a call costs beyond looking at its arguments once: as `Evaluation` counts it.
    private static func surcharge(
        _ function: Function, _ sizes: [Int], _ isKnown: Bool
    ) -> Int {
        let a = sizes.first ?? 0
        let b = sizes.count > 1 ? sizes[1] : 0
        switch function {
        case .setsContains, .setsEquivalent, .setsIntersects: return product(a, b)
        case .distinct: return product(a, a)
        case .sort: return product(a, 4)
        case .indexOf, .lastIndexOf: return product(a, b) / 32
        case .matches: return isKnown ? 0 : Limits.patternCost
        default: return 0
        }
    }

    private mutating func loop(
        _ id: Syntax.ID, _ loop: Syntax.Comprehension, _ worst: inout (cost: Int, id: Syntax.ID)
    ) -> (Int, Size) {
        let (before, range) = bound(loop.range, &worst)
        let isOptional = loop.kind == .optMap || loop.kind == .optFlatMap
        if case .local(let place)? = checked.references[id] {
            for variable in loop.variables.indices {
                locals[place + variable] =
                    isOptional ? range : Size(own: range.inner, inner: range.inner)
            }
        }
        var each = 1
        if let condition = loop.condition { each = Self.sum(each, bound(condition, &worst).0) }
        let (body, size) = bound(loop.body, &worst)
        each = Self.sum(each, body)
        let count = isOptional ? 1 : range.own
        let cost = Self.sum(before, Self.product(each, count))
        if cost > worst.cost { worst = (cost, id) }
        return (cost, Size(own: count, inner: size.own))
    }
}
