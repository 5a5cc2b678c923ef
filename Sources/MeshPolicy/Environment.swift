// SPDX-License-Identifier: Apache-2.0

/// A fact that expressions may read.
package struct FactDeclaration: Hashable, Sendable {
    /// The name, which may be dotted: `request.path`.
    package var name: String
    /// The type. A map whose keys are strings can be filled entry by entry.
    package var type: Type
    /// The most bytes of a text, or entries of a collection, that the driver provides; what an
    /// expression may cost is reckoned with it.
    package var sizeMax: Int

    /// A fact called `name`.
    package init(_ name: String, _ type: Type, sizeMax: Int = Limits.factSizeMax) {
        self.name = name
        self.type = type
        self.sizeMax = sizeMax
    }
}

/// What expressions can speak about: facts, functions, time zones, and what they may cost.
package struct Environment: Sendable {
    /// The facts; their places here are their numbers.
    package var facts: [FactDeclaration]
    /// The namespace in which names are looked up first.
    package var container: String
    /// Time zones that expressions may name besides `UTC` and fixed offsets.
    package var zones: [String: TimeZoneRules]
    /// The most that one evaluation may cost.
    package var costMax: Int
    /// Functions that are declared but cannot be called: a call of one fails.
    package var declaredFunctions: [Signature]

    /// An environment of `facts`.
    package init(
        facts: [FactDeclaration], container: String = "", zones: [String: TimeZoneRules] = [:],
        costMax: Int = Limits.costMax, declaredFunctions: [Signature] = []
    ) {
        self.facts = facts
        self.container = container
        self.zones = zones
        self.costMax = costMax
        self.declaredFunctions = declaredFunctions
    }

    /// The names that `name` may mean, the innermost namespace first; a leading `.` asks for the
    /// outermost one only.
    func candidates(for name: String) -> [String] {
        if name.hasPrefix(".") { return [String(name.dropFirst())] }
        var scope = container.split(separator: ".")
        var names: [String] = []
        while !scope.isEmpty {
            names.append(scope.joined(separator: ".") + "." + name)
            scope.removeLast()
        }
        return names + [name]
    }
}
