// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// One evaluation of one program.
///
/// There are two ways through a program: `isTrue` for what must be a bool, which makes no value
/// on the way, and `value` for everything else.
struct Evaluation {
    let code: Code
    let facts: FactTable
    /// What it may still cost.
    var budget: Int
    /// The variables of the comprehensions around this place.
    var locals: [Local]

    /// A variable; one that could not be made fails where it is read.
    enum Local {
        case value(Value)
        case failure(EvaluationFault)
    }

    /// An evaluation of `code` that reads `facts`.
    init(_ code: Code, _ facts: FactTable) {
        self.code = code
        self.facts = facts
        budget = code.costMax
        locals =
            code.localCount == 0
            ? [] : Array(repeating: .value(.null), count: code.localCount)
    }

    /// Takes `units` from what it may still cost.
    @inline(__always)
    mutating func spend(_ units: Int) throws(EvaluationFault) {
        budget -= units
        if budget < 0 { throw EvaluationFault(.costExceeded, "more than \(code.costMax) units") }
    }

    /// The bool that the node is.
    ///
    /// **Errors** `.noSuchOverload` when it is of another type.
    mutating func isTrue(_ index: Index) throws(EvaluationFault) -> Bool {
        switch code.nodes[Int(index)] {
        case .and(let first, let count):
            return try all(from: Int(first), count: Int(count), until: false)
        case .or(let first, let count):
            return try all(from: Int(first), count: Int(count), until: true)
        case .not(let operand): return try !isTrue(operand)
        case .conditional(let condition, let yes, let no):
            return try isTrue(condition) ? isTrue(yes) : isTrue(no)
        case .compare(let comparison, let a, let b): return try compare(comparison, a, b, at: index)
        case .isIn(let a, let b): return try isIn(a, b, at: index)
        case .hasFact(let slot): return try has(slot)
        case .hasField(let operand, let key): return try hasField(operand, key: key, at: index)
        case .textEquals(let slot, let text, let isNegated):
            return try textEquals(slot, text) != isNegated
        case .textTest(let test, let slot, let text):
            return try self.text(test, slot, text, at: index)
        case .textIn(let slot, let set): return try textIn(slot, set)
        case .textMatches(let slot, let pattern):
            return try textMatches(slot, pattern, at: index)
        case .equalsText(let operand, let text, let isNegated):
            return try equalsText(value(operand), text) != isNegated
        case .test(let test, let operand, let text):
            return try self.test(test, value(operand), text, at: index)
        case .isInTexts(let operand, let set): return try isInTexts(value(operand), set)
        case .matches(let operand, let pattern):
            return try matches(operand, pattern, at: index)
        default:
            let value = try value(index)
            guard case .bool(let isTrue) = value else {
                throw located(
                    EvaluationFault(.noSuchOverload, "\(value.typeName) is no bool"), at: index)
            }
            return isTrue
        }
    }

    /// The operands of `&&` (until false) or `||` (until true): one that decides wins over any
    /// that fail, whatever their order.
    private mutating func all(
        from first: Int, count: Int, until decided: Bool
    ) throws(EvaluationFault) -> Bool {
        var failure: EvaluationFault?
        for place in first..<(first + count) {
            do {
                if try isTrue(code.children[place]) == decided { return decided }
            } catch {
                if error.isFinal { throw error }
                if failure == nil { failure = error }
            }
        }
        if let failure { throw failure }
        return !decided
    }

    /// The value of the node.
    mutating func value(_ index: Index) throws(EvaluationFault) -> Value {
        switch code.nodes[Int(index)] {
        case .constant(let place): return code.constants[Int(place)]
        case .fact(let slot): return try fact(slot, at: index)
        case .optionalFact(let slot): return try optionalFact(slot)
        case .local(let place):
            switch locals[Int(place)] {
            case .value(let value): return value
            case .failure(let failure): throw failure
            }
        case .conditional(let condition, let yes, let no):
            return try isTrue(condition) ? value(yes) : value(no)
        case .call0, .call1, .call2, .call3, .callMany: return try call(index)
        case .field(let operand, let key):
            return try field(value(operand), code.constants[Int(key)], at: index)
        case .optionalField(let operand, let key):
            return try optionalElement(value(operand), code.constants[Int(key)], at: index)
        case .element(let operand, let key):
            return try element(value(operand), value(key), at: index)
        case .optionalElement(let operand, let key):
            return try optionalElement(value(operand), value(key), at: index)
        case .list, .optionalList, .map, .message: return try collection(index)
        case .loop(let place): return try loop(code.loops[Int(place)], at: index)
        case .bind(let local, let inner, let body):
            do {
                locals[Int(local)] = .value(try value(inner))
            } catch {
                if error.isFinal { throw error }
                locals[Int(local)] = .failure(error)
            }
            return try value(body)
        case .fails(let place): throw located(code.failures[Int(place)], at: index)
        case .and, .or, .not, .compare, .isIn, .hasFact, .hasField, .textEquals, .textTest,
            .textIn, .textMatches, .equalsText, .test, .isInTexts, .matches:
            return .bool(try isTrue(index))
        }
    }

    /// The failure, with the place of the node if it has none yet.
    func located(_ failure: EvaluationFault, at index: Index) -> EvaluationFault {
        guard failure.offset < 0 else { return failure }
        var failure = failure
        failure.offset = Int(code.offsets[Int(index)])
        return failure
    }
}
