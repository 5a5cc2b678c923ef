// SPDX-License-Identifier: Apache-2.0

/// The JSON Schema (draft 2020-12) of every kind, for editors and other validators.
package enum ResourceSchema {
    /// One document: a resource is one of our kinds, told apart by `apiVersion` and `kind`.
    package static func json() -> String {
        JSONText.object([
            .init("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
            .init("$id", .text("https://pinion.dev/schemas/resources.json")),
            .init("title", .text("Resources of Pinion")),
            .init("type", .text("object")),
            .init(
                "required",
                .list([.text("apiVersion"), .text("kind"), .text("metadata")])),
            .init(
                "oneOf",
                .list(
                    Kind.allCases.map { kind in
                        .object([.init("$ref", .text("#/$defs/\(kind.rawValue)"))])
                    })),
            .init(
                "$defs",
                .object(Kind.allCases.map { .init($0.rawValue, definition(of: $0)) })),
        ]).rendered
    }

    private static func definition(of kind: Kind) -> JSONText {
        guard case .object(var members) = schema(of: kind.shape) else { return .boolean(false) }
        members.insert(.init("description", .text(kind.note)), at: 0)
        return .object(members)
    }

    private static func schema(of shape: Shape) -> JSONText {
        switch shape {
        case .ignored: return .boolean(true)
        case .boolean: return .object([.init("type", .text("boolean"))])
        case .integer(let range):
            return .object([
                .init("type", .text("integer")), .init("minimum", .number(range.lowerBound)),
                .init("maximum", .number(range.upperBound)),
            ])
        case .byteSize(let range):
            return .object([
                .init("type", .list([.text("integer"), .text("string")])),
                .init("minimum", .number(range.lowerBound)),
                .init("maximum", .number(range.upperBound)),
                .init("pattern", .text("^[0-9]{1,15}(k|M|G|Ki|Mi|Gi)?$")),
            ])
        case .decimal(let most):
            return .object([
                .init("type", .list([.text("number"), .text("string")])),
                .init("minimum", .number(0)), .init("maximum", .number(most)),
                .init("pattern", .text("^[0-9]{1,9}(\\.[0-9]{1,6})?$")),
            ])
        case .oneOrSome(let element, let most):
            let some = schema(of: .list(element, count: 1...most))
            return .object([.init("anyOf", .list([schema(of: element), some]))])
        case .text(let format):
            return .object([
                .init("type", .text("string")), .init("pattern", .text(format.pattern)),
                .init("maxLength", .number(format.lengthMax)),
            ])
        case .choice(let values, _):
            if values.count == 1 { return .object([.init("const", .text(values[0]))]) }
            return .object([.init("enum", .list(values.map { .text($0) }))])
        case .labels, .secrets:
            return .object([
                .init("type", .text("object")),
                .init("additionalProperties", .object([.init("type", .text("string"))])),
            ])
        case .list(let element, let count):
            var members: [JSONText.Member] = [
                .init("type", .text("array")), .init("items", schema(of: element)),
            ]
            if count.lowerBound > 0 { members.append(.init("minItems", .number(count.lowerBound))) }
            members.append(.init("maxItems", .number(count.upperBound)))
            return .object(members)
        case .object(let fields): return schema(of: fields)
        }
    }

    private static func schema(of fields: [Field]) -> JSONText {
        let known = fields.filter { !$0.isRefused }
        let required = known.filter(\.isRequired)
        var members: [JSONText.Member] = [
            .init("type", .text("object")),
            .init("properties", .object(known.map { .init($0.name, described($0)) })),
        ]
        if !required.isEmpty {
            members.append(.init("required", .list(required.map { .text($0.name) })))
        }
        members.append(.init("additionalProperties", .boolean(false)))
        return .object(members)
    }

    private static func described(_ field: Field) -> JSONText {
        guard case .object(var members) = schema(of: field.shape) else {
            return .object([.init("description", .text(field.note))])
        }
        let fallback = field.fallback.map { " Default: \($0)." } ?? ""
        members.insert(.init("description", .text("\(sentence(field.note))\(fallback)")), at: 0)
        return .object(members)
    }

    /// `note` as a sentence.
    static func sentence(_ note: String) -> String {
        let first = note.first == "`" ? String(note.prefix(1)) : note.prefix(1).uppercased()
        return "\(first)\(note.dropFirst())."
    }
}
