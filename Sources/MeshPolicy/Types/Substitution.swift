// SPDX-License-Identifier: Apache-2.0

/// What the unknown types of an expression were found to be.
struct Substitution {
    private var found: [String: Type] = [:]
    private var count = 0

    /// An unknown type of its own.
    mutating func fresh() -> Type {
        count += 1
        return .parameter("_\(count)")
    }

    /// `type` with every unknown type replaced by what it was found to be; those still unknown
    /// become `dyn` when `isFinal`.
    func applied(to type: Type, isFinal: Bool = false) -> Type {
        if case .parameter(let name) = type {
            if let known = found[name] { return applied(to: known, isFinal: isFinal) }
            return isFinal ? .dyn : type
        }
        guard !type.parameters.isEmpty else { return type }
        return type.with(type.parameters.map { applied(to: $0, isFinal: isFinal) })
    }

    /// Whether values of the types `sources` can stand where `targets` are asked for; what was
    /// found on the way is kept only then.
    mutating func accepts(_ sources: [Type], for targets: [Type]) -> Bool {
        guard sources.count == targets.count else { return false }
        var copy = self
        for (source, target) in zip(sources, targets) where !copy.assign(source, to: target) {
            return false
        }
        self = copy
        return true
    }

    /// Whether a value of the type `source` can stand where `target` is asked for.
    mutating func accepts(_ source: Type, for target: Type) -> Bool {
        accepts([source], for: [target])
    }

    /// The type of a place at which both `a` and `b` stand; `dyn` when they have nothing in
    /// common.
    mutating func join(_ a: Type, _ b: Type) -> Type {
        accepts(b, for: a)
            ? Self.moreGeneral(a, b)
            : accepts(a, for: b)
                ? Self.moreGeneral(b, a) : .dyn
    }

    private mutating func assign(_ source: Type, to target: Type) -> Bool {
        if case .parameter(let name) = target {
            switch bind(name, target, to: source) {
            case .fits: return true
            case .clashes: return false
            case .circular: break
            }
        }
        if case .parameter(let name) = source {
            return bind(name, source, to: target) == .fits
        }
        if source == .dyn || target == .dyn { return true }
        if source == .null { return target.takesNull }
        if target == .null { return source.takesNull }
        guard source.isSameKind(as: target) else { return false }
        // What a type is the type of does not matter: `type(1) == type('')` is a fair question.
        if case .type = source { return true }
        for (a, b) in zip(source.parameters, target.parameters) where !assign(a, to: b) {
            return false
        }
        return true
    }

    private enum Binding { case fits, clashes, circular }

    /// Finds the unknown type `name` to be `type`, or what both have in common.
    private mutating func bind(_ name: String, _ unknown: Type, to type: Type) -> Binding {
        if type == unknown { return .fits }
        if let known = found[name] {
            if known == type { return .fits }
            guard assign(type, to: known) else { return .clashes }
            let general = Self.moreGeneral(type, known)
            if !mentions(name, in: general) { found[name] = general }
            return .fits
        }
        guard !mentions(name, in: type) else { return .circular }
        found[name] = type
        return .fits
    }

    private func mentions(_ name: String, in type: Type) -> Bool {
        if case .parameter(let other) = type {
            return other == name || found[other].map { mentions(name, in: $0) } ?? false
        }
        return type.parameters.contains { mentions(name, in: $0) }
    }

    /// The one of both that takes the other's values.
    private static func moreGeneral(_ a: Type, _ b: Type) -> Type {
        isAsGeneral(a, b) ? a : b
    }

    private static func isAsGeneral(_ a: Type, _ b: Type) -> Bool {
        if a.isOpen { return true }
        if b.isOpen { return false }
        if b == .null { return true }
        guard a.isSameKind(as: b) else { return false }
        return zip(a.parameters, b.parameters).allSatisfy(isAsGeneral)
    }
}
