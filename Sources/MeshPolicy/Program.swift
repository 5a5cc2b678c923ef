// SPDX-License-Identifier: Apache-2.0

/// An expression of CEL, ready to be evaluated for every request.
///
/// Rules speak about facts in the Common Expression Language. An expression is checked against
/// the facts that the environment declares when the configuration is read, so that a typing
/// mistake never reaches a request, and it is refused when it could cost too much. What is left
/// to fail while it runs (a missing header, a text that is no number) fails as a value: the
/// verdict keeps the reason.
///
/// ```
///  text ──Lexer──▶ tokens ──Parser──▶ Syntax ──Checker──▶ types, references
///                                                │
///                                 CostEstimate ◀─┴─▶ Lowering ──▶ Code ──Evaluation──▶ value
/// ```
///
/// Facts are numbered: the driver fills the slots of a `FactTable` that the programs read, once
/// a request, and nothing is looked up by name. A rule over texts and numbers is evaluated
/// without an allocation.
///
/// ```
/// let environment = Environment(facts: [
///     FactDeclaration("request.method", .string),
///     FactDeclaration("request.headers", .map(.string, .string)),
/// ])
/// var layout = FactLayout()
/// let program = try Program.compile(
///     "request.method == 'GET' && request.headers['x-team'] == 'search'",
///     in: environment, layout: &layout)
/// ```
///
/// Invariant: a program has no state, reads no clock, and ends after `costMax` units of work.
package struct Program: Sendable {
    /// The text that it was compiled from.
    package let text: String
    /// The type of its value.
    package let type: Type
    /// The slots that it reads, ascending.
    package let slots: [Int]
    /// The most that an evaluation may cost, as reckoned beforehand.
    package let cost: Int
    private let code: Code

    /// The program of `text`, which must be of the type `wanted`; its slots are added to
    /// `layout`.
    ///
    /// **Errors** all that is wrong with the text, each with its line and column; a cost above
    /// the limit of the environment.
    package static func compile(
        _ text: String, in environment: Environment, expecting wanted: Type = .bool,
        layout: inout FactLayout
    ) throws(CompileFailure) -> Program {
        try compile(
            text, in: environment, expecting: wanted, layout: &layout, isChecked: true)
    }

    /// The same; a program that is not checked fails when it is evaluated.
    static func compile(
        _ text: String, in environment: Environment, expecting wanted: Type,
        layout: inout FactLayout, isChecked: Bool
    ) throws(CompileFailure) -> Program {
        let bytes = Array(text.utf8)
        let syntax: Syntax
        do { syntax = try Parser.parse(bytes) } catch {
            throw CompileFailure(mistakes: [error.mistake(in: bytes)])
        }
        var (checked, faults) = Checker.check(syntax, in: environment, isChecked: isChecked)
        let type = checked.types[syntax.root]
        if isChecked, faults.isEmpty, !(type == wanted || type == .dyn || wanted == .dyn) {
            faults.append(
                Fault(
                    at: syntax.nodes[syntax.root].offset,
                    "the expression is \(type), but \(wanted) is asked for",
                    "compare it with something"))
        }
        let cost = CostEstimate.estimate(checked, in: environment)
        if isChecked, faults.isEmpty, cost.cost > environment.costMax {
            faults.append(Self.tooExpensive(cost, environment.costMax, syntax))
        }
        var lowering = Lowering(checked, in: environment, layout: layout)
        let root = lowering.lower(syntax.root)
        faults.append(contentsOf: isChecked ? lowering.faults : [])
        guard faults.isEmpty else {
            throw CompileFailure(
                mistakes: faults.prefix(Limits.mistakesMax).map { $0.mistake(in: bytes) })
        }
        layout = lowering.layout
        return Program(
            text: text, type: type, slots: lowering.slotNames.keys.map(Int.init).sorted(),
            cost: cost.cost, code: Code(lowering, root: root))
    }

    private static func tooExpensive(
        _ cost: CostEstimate.Bound, _ most: Int, _ syntax: Syntax
    ) -> Fault {
        Fault(
            at: syntax.nodes[cost.worst].offset,
            "an evaluation may cost \(cost.cost) units, more than \(most)",
            "loop over something smaller, or declare a smaller size for the facts")
    }

    /// The value of the expression for `facts`, whose layout must be the one it was compiled
    /// with.
    package func value(_ facts: FactTable) throws(EvaluationFault) -> Value {
        var evaluation = Evaluation(code, facts)
        return try evaluation.value(code.root)
    }

    /// What the rule says about `facts`.
    package func verdict(_ facts: FactTable) -> Verdict {
        var evaluation = Evaluation(code, facts)
        do { return try evaluation.isTrue(code.root) ? .holds : .fails } catch {
            return .unknown(error)
        }
    }
}

/// What a rule says about the facts of a request.
package enum Verdict: Hashable, Sendable {
    /// The expression is true.
    case holds
    /// The expression is false.
    case fails
    /// It has no value. Whoever asked decides what that means, and refuses in doubt.
    case unknown(EvaluationFault)
}
