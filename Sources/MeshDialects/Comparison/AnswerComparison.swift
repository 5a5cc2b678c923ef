// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// How what two answers say compares.
///
/// Two answers have the same
/// - text when every text is equal to the byte, choice by choice; of documents, when all bytes are;
/// - structure when as many choices ended for the same reasons and call the same tools in the same
///   order, and texts that are JSON have the same names and types everywhere;
/// - values when texts that are JSON on both sides say the same, in whatever order and spacing;
/// - tools when the same tools are called in the same order with the same arguments as JSON.
///
/// Invariant: comparing an answer with itself finds everything the same, and comparing two answers
/// finds the same either way around.
package struct AnswerComparison: Sendable, Hashable {
    /// Whether the texts are equal to the byte.
    package var sameText: Bool
    /// Whether the form is the same.
    package var sameStructure: Bool
    /// Whether JSON has the same values; nil unless both sides say JSON.
    package var sameValues: Bool?
    /// Whether the same tools are called alike; nil when neither side calls any.
    package var sameTools: Bool?

    /// Compares what `a` and `b` say.
    package init(_ a: AnswerContent, _ b: AnswerContent) {
        switch (a.kind, b.kind) {
        case (.choices(let ours), .choices(let theirs)):
            self.init(ours, theirs)
        case (.document(let ours), .document(let theirs)):
            let isSame = JSONLikeness.hasSameValues(ours, theirs)
            self.init(
                sameText: a.digest == b.digest,
                sameStructure: JSONLikeness.shape(ours) == JSONLikeness.shape(theirs),
                sameValues: isSame)
        case (.bytes, .bytes):
            self.init(sameText: a.digest == b.digest, sameStructure: true)
        case (.choices, _), (.document, _), (.bytes, _):
            self.init(sameText: false, sameStructure: false)
        }
    }

    private init(
        sameText: Bool, sameStructure: Bool, sameValues: Bool? = nil, sameTools: Bool? = nil
    ) {
        self.sameText = sameText
        self.sameStructure = sameStructure
        self.sameValues = sameValues
        self.sameTools = sameTools
    }

    private init(_ ours: [AnswerContent.Choice], _ theirs: [AnswerContent.Choice]) {
        let isPaired = ours.count == theirs.count
        let pairs = Array(zip(ours, theirs))
        let documents = pairs.map { (Self.json($0.text), Self.json($1.text)) }
        var isAlike = isPaired
        for ((a, b), (one, other)) in zip(pairs, documents) {
            if a.finish != b.finish || a.tools.map(\.name) != b.tools.map(\.name) {
                isAlike = false
            }
            switch (one, other) {
            case (let one?, let other?):
                if JSONLikeness.shape(one) != JSONLikeness.shape(other) { isAlike = false }
            case (nil, nil): break
            case (.some, nil), (nil, .some): isAlike = false
            }
        }
        self.init(
            sameText: isPaired && pairs.allSatisfy { $0.text.utf8.elementsEqual($1.text.utf8) },
            sameStructure: isAlike,
            sameValues: isPaired ? Self.sameValues(documents) : nil,
            sameTools: Self.sameTools(ours, theirs))
    }

    private static func sameValues(_ documents: [(JSONTree?, JSONTree?)]) -> Bool? {
        guard !documents.isEmpty else { return nil }
        var isSame = true
        for (one, other) in documents {
            guard let one, let other else { return nil }
            if !JSONLikeness.hasSameValues(one, other) { isSame = false }
        }
        return isSame
    }

    private static func sameTools(
        _ ours: [AnswerContent.Choice], _ theirs: [AnswerContent.Choice]
    ) -> Bool? {
        let all = ours + theirs
        guard all.contains(where: { !$0.tools.isEmpty }) else { return nil }
        guard ours.count == theirs.count else { return false }
        return zip(ours, theirs).allSatisfy { a, b in
            a.tools.count == b.tools.count
                && zip(a.tools, b.tools).allSatisfy { isSame($0, $1) }
        }
    }

    private static func isSame(_ a: AnswerContent.ToolCall, _ b: AnswerContent.ToolCall) -> Bool {
        guard a.name.utf8.elementsEqual(b.name.utf8) else { return false }
        if a.arguments.utf8.elementsEqual(b.arguments.utf8) { return true }
        guard let one = tree(Array(a.arguments.utf8)), let other = tree(Array(b.arguments.utf8))
        else { return false }
        return JSONLikeness.hasSameValues(one, other)
    }

    /// The object or list that a text is, also between the fences of Markdown; nil for any other
    /// text, such as a number alone.
    private static func json(_ text: String) -> JSONTree? {
        var bytes = Array(text.utf8)[...]
        func trim() {
            while let first = bytes.first, first <= 0x20 { bytes.removeFirst() }
            while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
        }
        trim()
        let fence = Array("```".utf8)
        if bytes.starts(with: fence), bytes.count > 6, bytes.suffix(3).elementsEqual(fence) {
            bytes = bytes.dropFirst(3).dropLast(3)
            if let line = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                bytes = bytes[(line + 1)...]
            }
            trim()
        }
        guard bytes.first == UInt8(ascii: "{") || bytes.first == UInt8(ascii: "[") else {
            return nil
        }
        return tree(Array(bytes))
    }

    private static func tree(_ bytes: [UInt8]) -> JSONTree? {
        try? JSONTree.read(unsafe bytes.span.bytes, bytesMax: .max, depthMax: 60)
    }
}

/// Whether two JSON values say the same, or have the same form.
enum JSONLikeness {
    /// Whether both say the same: members in any order, numbers by what they stand for.
    static func hasSameValues(_ a: JSONTree, _ b: JSONTree) -> Bool {
        switch (a, b) {
        case (.null, .null): return true
        case (.bool(let x), .bool(let y)): return x == y
        case (.int(let x), .int(let y)): return x == y
        case (.double(let x), .double(let y)): return x == y
        case (.int(let x), .double(let y)), (.double(let y), .int(let x)):
            return Double(exactly: x) == y
        case (.string(let x), .string(let y)): return x.utf8.elementsEqual(y.utf8)
        case (.list(let x), .list(let y)):
            return x.count == y.count && zip(x, y).allSatisfy { hasSameValues($0, $1) }
        case (.object(let x), .object(let y)):
            guard x.count == y.count else { return false }
            let (left, right) = (sorted(x), sorted(y))
            return zip(left, right).allSatisfy { one, other in
                one.name.utf8.elementsEqual(other.name.utf8)
                    && hasSameValues(one.value, other.value)
            }
        case (.null, _), (.bool, _), (.int, _), (.double, _), (.string, _), (.list, _),
            (.object, _):
            return false
        }
    }

    /// A hash of names and types: values do not matter, nor the order of members, nor how many
    /// elements of one form a list has.
    static func shape(_ tree: JSONTree) -> UInt64 {
        switch tree {
        case .null: return StableHash.mix(1)
        case .bool: return StableHash.mix(2)
        case .int, .double: return StableHash.mix(3)
        case .string: return StableHash.mix(4)
        case .list(let elements):
            var hash: UInt64 = 5
            for element in Set(elements.map(shape)).sorted() {
                hash = StableHash.mix(hash ^ element) &+ 5
            }
            return StableHash.mix(hash)
        case .object(let members):
            var hash: UInt64 = 6
            for member in sorted(members) {
                let name = StableHash.of(utf8: member.name)
                hash = StableHash.mix(hash ^ StableHash.mix(name &+ shape(member.value))) &+ 6
            }
            return StableHash.mix(hash)
        }
    }

    private static func sorted(_ members: [JSONTree.Member]) -> [JSONTree.Member] {
        members.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}
