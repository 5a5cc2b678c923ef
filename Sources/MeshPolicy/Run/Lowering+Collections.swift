// SPDX-License-Identifier: Apache-2.0

extension Lowering {
    /// The fact that `operand` is, when its entries can be filled one by one.
    private func keyedFact(_ operand: Syntax.ID) -> Int? {
        guard case .fact(let fact)? = checked.references[operand],
            case .map(let key, _) = environment.facts[fact].type, key == .string || key == .dyn
        else { return nil }
        return fact
    }

    /// `operand.field`.
    mutating func select(
        _ id: Syntax.ID, _ operand: Syntax.ID, _ field: String, isOptional: Bool
    ) -> Index {
        if let fact = keyedFact(operand), let slot = slot(fact, key: field, for: id) {
            return add(isOptional ? .optionalFact(slot) : .fact(slot), for: id)
        }
        let inner = lower(operand)
        let key = key(field)
        return add(
            isOptional ? .optionalField(inner, key: key) : .field(inner, key: key), for: id)
    }

    /// `has(operand.field)`.
    mutating func has(_ id: Syntax.ID, _ operand: Syntax.ID, _ field: String) -> Index {
        if case .fact(let fact)? = checked.references[id],
            let slot = slot(fact, key: nil, for: id)
        {
            return add(.hasFact(slot), for: id)
        }
        if let fact = keyedFact(operand), let slot = slot(fact, key: field, for: id) {
            return add(.hasFact(slot), for: id)
        }
        let inner = lower(operand)
        return add(.hasField(inner, key: key(field)), for: id)
    }

    private mutating func key(_ field: String) -> Index {
        constants.append(.string(field))
        return Index(constants.count - 1)
    }

    /// `operand[index]`.
    mutating func element(
        _ id: Syntax.ID, _ operand: Syntax.ID, _ index: Syntax.ID, isOptional: Bool
    ) -> Index {
        if case .literal(.string(let key)) = checked.syntax.nodes[index].kind,
            let fact = keyedFact(operand), let slot = slot(fact, key: key, for: id)
        {
            return add(isOptional ? .optionalFact(slot) : .fact(slot), for: id)
        }
        let inner = lower(operand)
        let key = lower(index)
        return add(
            isOptional ? .optionalElement(inner, key) : .element(inner, key), for: id)
    }

    /// `value in collection`.
    mutating func isIn(_ id: Syntax.ID, _ value: Syntax.ID, _ collection: Syntax.ID) -> Index {
        if case .literal(.string(let key)) = checked.syntax.nodes[value].kind,
            let fact = keyedFact(collection), let slot = slot(fact, key: key, for: id)
        {
            return add(.hasFact(slot), for: id)
        }
        let inner = lower(value)
        let outer = lower(collection)
        if constantValue(inner) == nil, case .list(let all)? = constantValue(outer) {
            let texts = all.compactMap { value in
                if case .string(let text) = value { Array(text.utf8) } else { nil }
            }
            if texts.count == all.count {
                sets.append(texts)
                let set = Index(sets.count - 1)
                if case .fact(let slot) = nodes[Int(inner)] {
                    return add(.textIn(slot, set: set), for: id)
                }
                return add(.isInTexts(inner, set: set), for: id)
            }
        }
        return folded(add(.isIn(inner, outer), for: id), [inner, outer], for: id)
    }

    /// A list literal.
    mutating func list(_ id: Syntax.ID, _ elements: [Syntax.Element]) -> Index {
        let parts = elements.map { lower($0.value) }
        let (first, count) = group(parts)
        if elements.contains(where: \.isOptional) {
            flags.append(elements.map(\.isOptional))
            return add(
                .optionalList(first: first, count: count, flags: Index(flags.count - 1)), for: id)
        }
        return folded(add(.list(first: first, count: count), for: id), parts, for: id)
    }

    /// A map literal.
    mutating func map(_ id: Syntax.ID, _ entries: [Syntax.Entry]) -> Index {
        let parts = entries.flatMap { [lower($0.key), lower($0.value)] }
        let (first, count) = group(parts)
        flags.append(entries.map(\.isOptional))
        let node = add(.map(first: first, count: count, flags: Index(flags.count - 1)), for: id)
        return entries.contains(where: \.isOptional) ? node : folded(node, parts, for: id)
    }

    /// A message literal.
    mutating func message(_ id: Syntax.ID, _ name: String, _ fields: [Syntax.Field]) -> Index {
        guard case .wellKnown(let known)? = checked.references[id] else {
            return failure(.unknownName, name, for: id)
        }
        messages.append(fields.map { ($0.name, lower($0.value), $0.isOptional) })
        return add(.message(known, Index(messages.count - 1)), for: id)
    }
}
