// SPDX-License-Identifier: Apache-2.0

/// An expression as a tree: nodes in one array, children before their parents.
///
/// Macros are gone from it: what they stand for are nodes of their own.
struct Syntax {
    /// The place of a node in `nodes`.
    typealias ID = Int

    /// All nodes.
    var nodes: [Node] = []
    /// The whole expression.
    var root: ID = 0

    /// A node.
    struct Node {
        var kind: Kind
        /// Offset of the byte in the text where it is noticed.
        var offset: Int
        /// Levels below it, itself included.
        var depth: Int
    }

    /// What a node says.
    enum Kind {
        case literal(Value)
        /// A name; a leading `.` asks for the outermost scope.
        case identifier(String)
        /// `operand.field`, or `operand.?field`.
        case select(ID, String, isOptional: Bool)
        /// `has(operand.field)`.
        case has(ID, String)
        /// `operand[index]`, or `operand[?index]`.
        case index(ID, ID, isOptional: Bool)
        /// A function or an operator.
        case call(String, [ID])
        case memberCall(ID, String, [ID])
        case and([ID])
        case or([ID])
        case conditional(ID, ID, ID)
        case list([Element])
        case map([Entry])
        case message(String, [Field])
        case comprehension(Comprehension)
        /// `cel.bind(name, value, body)`.
        case bind(String, ID, ID)
    }

    /// An element of a list; an optional one is left out when it is empty.
    struct Element {
        var value: ID
        var isOptional: Bool
    }

    /// An entry of a map.
    struct Entry {
        var key: ID
        var value: ID
        var isOptional: Bool
    }

    /// A field of a message.
    struct Field {
        var name: String
        var value: ID
        var isOptional: Bool
    }

    /// A loop over a collection, or a step into an optional.
    struct Comprehension {
        var kind: Kind
        /// One or two names.
        var variables: [String]
        var range: ID
        /// Which elements count at all.
        var condition: ID?
        var body: ID

        /// What is made of the elements.
        enum Kind: String {
            case all, exists, existsOne, map, filter, transformList, transformMap
            case transformMapEntry, optMap, optFlatMap
        }
    }

    /// Adds a node above those that it names.
    mutating func add(_ kind: Kind, at offset: Int) throws(Fault) -> ID {
        var depth = 0
        for child in Self.children(of: kind) { depth = max(depth, nodes[child].depth) }
        guard depth < Limits.depthMax else {
            throw Fault(
                at: offset, "the expression is nested more than \(Limits.depthMax) deep",
                "split it into several rules")
        }
        guard nodes.count < Limits.nodesMax else {
            throw Fault(
                at: offset, "the expression has more than \(Limits.nodesMax) parts",
                "split it into several rules")
        }
        nodes.append(Node(kind: kind, offset: offset, depth: depth + 1))
        return nodes.count - 1
    }

    /// The nodes directly below `kind`, in the order of the text.
    static func children(of kind: Kind) -> [ID] {
        switch kind {
        case .literal, .identifier: []
        case .select(let operand, _, _), .has(let operand, _): [operand]
        case .index(let operand, let index, _): [operand, index]
        case .call(_, let arguments): arguments
        case .memberCall(let target, _, let arguments): [target] + arguments
        case .and(let operands), .or(let operands): operands
        case .conditional(let a, let b, let c): [a, b, c]
        case .list(let elements): elements.map(\.value)
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .message(_, let fields): fields.map(\.value)
        case .comprehension(let loop):
            [loop.range] + (loop.condition.map { [$0] } ?? []) + [loop.body]
        case .bind(_, let value, let body): [value, body]
        }
    }
}
