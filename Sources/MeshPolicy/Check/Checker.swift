// SPDX-License-Identifier: Apache-2.0

/// Finds what every name means and what type every part has.
///
/// Types are gradual: what is `dyn` fits everywhere and is looked at when it is evaluated. A
/// program that is not checked gets its names resolved all the same; what is wrong in it fails
/// when it is evaluated.
///
/// **Source** the language definition of cel-spec, sections "Gradual Type Checking" and "Name
/// Resolution".
struct Checker {
    let syntax: Syntax
    let environment: Environment
    let isChecked: Bool
    var types: [Type]
    var references: [Reference?]
    var substitution = Substitution()
    var faults: [Fault] = []
    /// Variables in scope, the innermost last; their places are those at evaluation.
    var scope: [(name: String, type: Type)] = []
    private(set) var localCount = 0
    private let facts: [String: Int]
    private let declared: [String: [Signature]]

    /// What a part of the tree refers to.
    enum Reference: Equatable {
        case fact(Int)
        /// A variable, or the first of those that a comprehension declares.
        case local(Int)
        case type(String)
        case function(Function)
        /// A function in a namespace: what stands before the dot is no receiver.
        case namespaced(Function)
        /// A message of a well-known type, by its plain name.
        case wellKnown(WellKnown)
    }

    /// A tree in which everything is known.
    struct Result {
        var syntax: Syntax
        var types: [Type]
        var references: [Reference?]
        var localCount: Int
    }

    /// Checks `syntax`; all faults are reported, in the order of the text.
    static func check(
        _ syntax: Syntax, in environment: Environment, isChecked: Bool
    ) -> (Result, [Fault]) {
        var checker = Checker(syntax, environment, isChecked)
        let root = checker.check(syntax.root)
        checker.types[syntax.root] = root
        let types = checker.types.map { checker.substitution.applied(to: $0, isFinal: true) }
        let result = Result(
            syntax: syntax, types: types, references: checker.references,
            localCount: checker.localCount)
        return (result, isChecked ? checker.faults.sorted { $0.offset < $1.offset } : [])
    }

    private init(_ syntax: Syntax, _ environment: Environment, _ isChecked: Bool) {
        self.syntax = syntax
        self.environment = environment
        self.isChecked = isChecked
        types = Array(repeating: .dyn, count: syntax.nodes.count)
        references = Array(repeating: nil, count: syntax.nodes.count)
        facts = Dictionary(
            environment.facts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { a, _ in a })
        declared = Dictionary(grouping: environment.declaredFunctions, by: \.name)
    }

    /// The type of the node `id`, which is remembered.
    @discardableResult
    mutating func check(_ id: Syntax.ID) -> Type {
        let type = typed(id)
        types[id] = type
        return type
    }

    private mutating func typed(_ id: Syntax.ID) -> Type {
        switch syntax.nodes[id].kind {
        case .literal(let value): return Self.type(of: value)
        case .identifier(let name): return identifier(id, name)
        case .select(let operand, let field, let isOptional):
            if !isOptional, let type = qualified(id) { return type }
            if let name = unknownName(id) {
                report(leftmost(id), "undeclared name `\(name)`", suggestion(for: name))
                return .dyn
            }
            return select(operand, field, isOptional: isOptional, at: id)
        case .has(let operand, let field):
            // A dotted name may be a fact as a whole: then it is asked whether there is one.
            if let name = dottedName(operand), isFact(id, name + "." + field) { return .bool }
            _ = select(operand, field, isOptional: false, at: id)
            return .bool
        case .index(let operand, let index, let isOptional):
            return self.index(operand, index, isOptional: isOptional, at: id)
        case .call(let name, let arguments): return call(id, name, arguments)
        case .memberCall(let target, let name, let arguments):
            return memberCall(id, target, name, arguments)
        case .and(let operands), .or(let operands):
            for operand in operands { expect(.bool, check(operand), at: operand) }
            return .bool
        case .conditional(let condition, let yes, let no):
            expect(.bool, check(condition), at: condition)
            let (a, b) = (check(yes), check(no))
            if !substitution.accepts(b, for: a), !substitution.accepts(a, for: b) {
                report(
                    id, "the two sides of `?` are \(shown(a)) and \(shown(b))",
                    "make both the same type, or wrap one in `dyn()`")
            }
            return substitution.join(a, b)
        case .list(let elements): return list(elements)
        case .map(let entries): return map(entries)
        case .message(let name, let fields): return message(id, name, fields)
        case .comprehension(let loop): return comprehension(id, loop)
        case .bind(let name, let value, let body):
            let type = check(value)
            return within([(name, type)], at: id) { checker in checker.check(body) }
        }
    }

    /// Checks with variables in scope.
    mutating func within(
        _ variables: [(name: String, type: Type)], at id: Syntax.ID,
        _ body: (inout Checker) -> Type
    ) -> Type {
        references[id] = .local(scope.count)
        scope.append(contentsOf: variables)
        localCount = max(localCount, scope.count)
        let type = body(&self)
        scope.removeLast(variables.count)
        return type
    }

    /// The number of the fact called `name`.
    func fact(_ name: String) -> Int? { facts[name] }

    /// The signatures of the function called `name`.
    func signatures(_ name: String) -> [Signature] {
        (FunctionTable.byName[name] ?? []) + (declared[name] ?? [])
    }

    private static func type(of literal: Value) -> Type {
        switch literal {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        default: .dyn
        }
    }

    /// Reports that `found` does not fit where `wanted` is asked for.
    mutating func expect(_ wanted: Type, _ found: Type, at id: Syntax.ID) {
        guard !substitution.accepts(found, for: wanted) else { return }
        report(
            id, "\(shown(found)) stands where \(wanted) is asked for",
            "compare it with something, or convert it")
    }

    /// Adds a fault at the node `id`.
    mutating func report(_ id: Syntax.ID, _ message: String, _ remedy: String) {
        faults.append(Fault(at: syntax.nodes[id].offset, message, remedy))
    }

    /// A type as a message shows it.
    func shown(_ type: Type) -> String {
        substitution.applied(to: type, isFinal: true).description
    }
}
