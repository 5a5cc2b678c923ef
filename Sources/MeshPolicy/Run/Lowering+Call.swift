// SPDX-License-Identifier: Apache-2.0

import MeshWire

extension Lowering {
    /// A call of a function or an operator; a receiver is the first of `arguments`.
    mutating func call(_ id: Syntax.ID, _ name: String, _ arguments: [Syntax.ID]) -> Index {
        let function: Function
        switch checked.references[id] {
        case .function(let found), .namespaced(let found): function = found
        default:
            // Arguments are not evaluated: there is nothing that could take them.
            return failure(.noSuchOverload, "there is no function `\(name)`", for: id)
        }
        if function == .isIn, arguments.count == 2 {
            return isIn(id, arguments[0], arguments[1])
        }
        let parts = arguments.map { lower($0) }
        if let node = special(id, function, parts) { return node }
        let node: Node
        switch parts.count {
        case 0: node = .call0(function)
        case 1: node = function == .not ? .not(parts[0]) : .call1(function, parts[0])
        case 2:
            if let comparison = Comparison(function) {
                node = .compare(comparison, parts[0], parts[1])
            } else {
                node = .call2(function, parts[0], parts[1])
            }
        case 3: node = .call3(function, parts[0], parts[1], parts[2])
        default:
            let (first, count) = group(parts)
            node = .callMany(function, first: first, count: count)
        }
        return folded(add(node, for: id), parts, for: id)
    }

    /// A node that does the work of a call on a fact or with a constant at once, or nil.
    private mutating func special(
        _ id: Syntax.ID, _ function: Function, _ parts: [Index]
    ) -> Index? {
        guard parts.count == 2 else { return nil }
        if function == .matches, case .string(let text)? = constantValue(parts[1]) {
            return matches(id, parts[0], pattern: text)
        }
        let isNegated = function == .notEqual
        if function == .equal || isNegated,
            let (value, text) = valueAndText(parts[0], parts[1]) ?? valueAndText(parts[1], parts[0])
        {
            if case .fact(let slot) = nodes[Int(value)] {
                return add(.textEquals(slot, text: text, isNegated: isNegated), for: id)
            }
            return add(.equalsText(value, text: text, isNegated: isNegated), for: id)
        }
        if let test = TextTest(function), let (value, text) = valueAndText(parts[0], parts[1]) {
            if case .fact(let slot) = nodes[Int(value)] {
                return add(.textTest(test, slot, text: text), for: id)
            }
            return add(.test(test, value, text: text), for: id)
        }
        return nil
    }

    /// A part that is no constant, and the place of the text that the other one is.
    private mutating func valueAndText(_ value: Index, _ text: Index) -> (Index, Index)? {
        guard constantValue(value) == nil, case .string(let wanted)? = constantValue(text) else {
            return nil
        }
        texts.append(Array(wanted.utf8))
        return (value, Index(texts.count - 1))
    }

    private mutating func matches(_ id: Syntax.ID, _ value: Index, pattern text: String) -> Index {
        let pattern: LinearPattern
        do { pattern = try LinearPattern(text) } catch {
            faults.append(
                Fault(
                    at: checked.syntax.nodes[id].offset,
                    "the pattern `\(text)` is wrong at its byte \(error.offset): \(error.message)",
                    "write it in the syntax of RE2, without look-around and back-references"))
            return failure(.invalidArgument, "\(error.message)", for: id)
        }
        patterns.append(pattern)
        let place = Index(patterns.count - 1)
        if case .fact(let slot) = nodes[Int(value)] {
            return add(.textMatches(slot, pattern: place), for: id)
        }
        return add(.matches(value, pattern: place), for: id)
    }

    /// The value of `node` as a constant when all its `parts` are constants, else `node`.
    ///
    /// What fails stays: it fails when it is evaluated, which may never happen.
    mutating func folded(_ node: Index, _ parts: [Index], for id: Syntax.ID) -> Index {
        guard parts.allSatisfy({ constantValue($0) != nil }) else { return node }
        let code = Code(self, root: node)
        var evaluation = Evaluation(code, FactTable(FactLayout()))
        guard let value = try? evaluation.value(node) else { return node }
        return constant(value, for: id)
    }
}
