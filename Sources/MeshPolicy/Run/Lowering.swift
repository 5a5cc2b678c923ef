// SPDX-License-Identifier: Apache-2.0

import MeshWire

/// Turns a checked tree into nodes that are run.
///
/// What can be known beforehand is: constant parts are evaluated, patterns compiled, entries of
/// facts given a slot, and tests of a fact against a constant text become one node each.
struct Lowering {
    let checked: Checker.Result
    let environment: Environment
    var layout: FactLayout
    var faults: [Fault] = []
    var nodes: [Node] = []
    var offsets: [Int32] = []
    var children: [Index] = []
    var constants: [Value] = []
    var texts: [[UInt8]] = []
    var sets: [[[UInt8]]] = []
    var patterns: [LinearPattern] = []
    var flags: [[Bool]] = []
    var loops: [Loop] = []
    var messages: [[(name: String, value: Index, isOptional: Bool)]] = []
    var failures: [EvaluationFault] = []
    var slotNames: [Index: String] = [:]

    init(_ checked: Checker.Result, in environment: Environment, layout: FactLayout) {
        self.checked = checked
        self.environment = environment
        self.layout = layout
    }

    /// Adds a node that stands for the one at `id`.
    mutating func add(_ node: Node, for id: Syntax.ID) -> Index {
        nodes.append(node)
        offsets.append(Int32(truncatingIfNeeded: checked.syntax.nodes[id].offset))
        return Index(nodes.count - 1)
    }

    /// Adds a constant.
    mutating func constant(_ value: Value, for id: Syntax.ID) -> Index {
        constants.append(value)
        return add(.constant(Index(constants.count - 1)), for: id)
    }

    /// Adds a node that fails.
    mutating func failure(
        _ code: EvaluationFault.Code, _ detail: String, for id: Syntax.ID
    ) -> Index {
        failures.append(EvaluationFault(code, detail))
        return add(.fails(Index(failures.count - 1)), for: id)
    }

    /// The value of the node, if it is a constant.
    func constantValue(_ index: Index) -> Value? {
        guard case .constant(let place) = nodes[Int(index)] else { return nil }
        return constants[Int(place)]
    }

    /// Adds `indices` as children of one node; says where they are.
    mutating func group(_ indices: [Index]) -> (first: Index, count: Index) {
        children.append(contentsOf: indices)
        return (Index(children.count - indices.count), Index(indices.count))
    }

    /// Adds the node for `id` and all below it.
    mutating func lower(_ id: Syntax.ID) -> Index {
        switch checked.syntax.nodes[id].kind {
        case .literal(let value): return constant(value, for: id)
        case .identifier(let name): return reference(id) ?? failure(.unknownName, name, for: id)
        case .select(let operand, let field, let isOptional):
            return reference(id) ?? select(id, operand, field, isOptional: isOptional)
        case .has(let operand, let field): return has(id, operand, field)
        case .index(let operand, let index, let isOptional):
            return element(id, operand, index, isOptional: isOptional)
        case .call(let name, let arguments): return call(id, name, arguments)
        case .memberCall(let target, let name, let arguments):
            if case .namespaced? = checked.references[id] { return call(id, name, arguments) }
            return call(id, name, [target] + arguments)
        case .and(let operands):
            let (first, count) = group(operands.map { lower($0) })
            return add(.and(first: first, count: count), for: id)
        case .or(let operands):
            let (first, count) = group(operands.map { lower($0) })
            return add(.or(first: first, count: count), for: id)
        case .conditional(let condition, let yes, let no):
            return add(.conditional(lower(condition), lower(yes), lower(no)), for: id)
        case .list(let elements): return list(id, elements)
        case .map(let entries): return map(id, entries)
        case .message(let name, let fields): return message(id, name, fields)
        case .comprehension(let loop): return comprehension(id, loop)
        case .bind(_, let value, let body):
            guard case .local(let place)? = checked.references[id] else {
                return failure(.unknownName, "bind", for: id)
            }
            return add(
                .bind(local: Index(place), value: lower(value), body: lower(body)), for: id)
        }
    }

    /// The node of what the name at `id` refers to, or nil.
    private mutating func reference(_ id: Syntax.ID) -> Index? {
        switch checked.references[id] {
        case .fact(let fact): return slot(fact, key: nil, for: id).map { add(.fact($0), for: id) }
        case .local(let place): return add(.local(Index(place)), for: id)
        case .type(let name): return constant(.type(TypeName(name)), for: id)
        case .wellKnown(.null): return constant(.null, for: id)
        default: return nil
        }
    }

    /// The slot of a fact or one of its entries.
    mutating func slot(_ fact: Int, key: String?, for id: Syntax.ID) -> Index? {
        guard let slot = layout.slot(fact, key: key) else {
            faults.append(
                Fault(
                    at: checked.syntax.nodes[id].offset,
                    "all rules together read more than \(Limits.slotsMax) facts",
                    "read fewer different keys"))
            return nil
        }
        let name = environment.facts[fact].name
        slotNames[Index(slot)] = key.map { "\(name)['\($0)']" } ?? name
        return Index(slot)
    }

    private mutating func comprehension(
        _ id: Syntax.ID, _ loop: Syntax.Comprehension
    ) -> Index {
        guard case .local(let place)? = checked.references[id] else {
            return failure(.unknownName, loop.kind.rawValue, for: id)
        }
        let range = lower(loop.range)
        let condition = loop.condition.map { lower($0) } ?? -1
        let body = lower(loop.body)
        loops.append(
            Loop(
                kind: loop.kind, first: Index(place),
                second: loop.variables.count == 2 ? Index(place + 1) : -1, range: range,
                condition: condition, body: body))
        return add(.loop(Index(loops.count - 1)), for: id)
    }
}
