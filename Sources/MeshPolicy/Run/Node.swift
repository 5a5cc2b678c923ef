// SPDX-License-Identifier: Apache-2.0

import MeshWire

/// The place of a node, or of something that nodes share, in its array in `Code`.
typealias Index = Int32

/// A node of a program: plain numbers, so that walking them counts no references.
///
/// What the numbers point to stands in the arrays of `Code`.
enum Node {
    case constant(Index)
    /// The content of a slot.
    case fact(Index)
    /// Whether the slot has one.
    case hasFact(Index)
    /// The content of a slot, or the empty optional.
    case optionalFact(Index)
    case local(Index)
    /// Operands are `children[first ..< first + count]`.
    case and(first: Index, count: Index)
    case or(first: Index, count: Index)
    case not(Index)
    case conditional(Index, Index, Index)
    case compare(Comparison, Index, Index)
    /// Whether the value of a node is in a list or a map.
    case isIn(Index, Index)
    case call0(Function)
    case call1(Function, Index)
    case call2(Function, Index, Index)
    case call3(Function, Index, Index, Index)
    case callMany(Function, first: Index, count: Index)
    /// An entry, by a key that is a constant or any node.
    case element(Index, Index)
    case optionalElement(Index, Index)
    /// A field is an entry of a map whose key is a constant.
    case field(Index, key: Index)
    case optionalField(Index, key: Index)
    case hasField(Index, key: Index)
    case list(first: Index, count: Index)
    /// A list, some of whose elements are left out when they are empty.
    case optionalList(first: Index, count: Index, flags: Index)
    /// Keys and values in turn.
    case map(first: Index, count: Index, flags: Index)
    case loop(Index)
    case bind(local: Index, value: Index, body: Index)
    case message(WellKnown, Index)
    case fails(Index)
    // Tests of a text in a slot, done on its bytes.
    case textEquals(Index, text: Index, isNegated: Bool)
    case textTest(TextTest, Index, text: Index)
    case textIn(Index, set: Index)
    case textMatches(Index, pattern: Index)
    // The same tests of the value of any node.
    case equalsText(Index, text: Index, isNegated: Bool)
    case test(TextTest, Index, text: Index)
    case isInTexts(Index, set: Index)
    /// `matches` with a pattern that is known beforehand.
    case matches(Index, pattern: Index)
}

/// How two values are compared.
enum Comparison: UInt8 {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    init?(_ function: Function) {
        switch function {
        case .equal: self = .equal
        case .notEqual: self = .notEqual
        case .less: self = .less
        case .lessOrEqual: self = .lessOrEqual
        case .greater: self = .greater
        case .greaterOrEqual: self = .greaterOrEqual
        default: return nil
        }
    }
}

/// A test of a text against a constant one.
enum TextTest: UInt8 {
    case prefix, suffix, contains

    init?(_ function: Function) {
        switch function {
        case .startsWith: self = .prefix
        case .endsWith: self = .suffix
        case .contains: self = .contains
        default: return nil
        }
    }

    /// The function that it is.
    var function: Function {
        switch self {
        case .prefix: .startsWith
        case .suffix: .endsWith
        case .contains: .contains
        }
    }
}

/// A comprehension.
struct Loop {
    var kind: Syntax.Comprehension.Kind
    /// The first variable, and the second or -1.
    var first: Index
    var second: Index
    var range: Index
    /// The condition or -1.
    var condition: Index
    var body: Index
}

/// A program as it is run: nodes, and what they point to.
final class Code: Sendable {
    let nodes: [Node]
    /// Offset in the text of each node.
    let offsets: [Int32]
    let children: [Index]
    let constants: [Value]
    let texts: [[UInt8]]
    let sets: [[[UInt8]]]
    let patterns: [LinearPattern]
    let flags: [[Bool]]
    let loops: [Loop]
    let messages: [[(name: String, value: Index, isOptional: Bool)]]
    let failures: [EvaluationFault]
    /// Names of the slots, for messages.
    let slotNames: [Index: String]
    let zones: [String: TimeZoneRules]
    let root: Index
    let localCount: Int
    let costMax: Int

    init(_ parts: Lowering, root: Index) {
        nodes = parts.nodes
        offsets = parts.offsets
        children = parts.children
        constants = parts.constants
        texts = parts.texts
        sets = parts.sets
        patterns = parts.patterns
        flags = parts.flags
        loops = parts.loops
        messages = parts.messages
        failures = parts.failures
        slotNames = parts.slotNames
        zones = parts.environment.zones
        localCount = parts.checked.localCount
        costMax = parts.environment.costMax
        self.root = root
    }
}
