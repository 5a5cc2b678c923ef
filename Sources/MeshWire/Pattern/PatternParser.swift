// SPDX-License-Identifier: Apache-2.0

/// What a pattern says, as a tree no deeper than `PatternParser.depthMax` allows.
indirect enum PatternNode {
    case empty
    /// One scalar of a set.
    case one(ScalarSet)
    /// The front and the end of the whole text.
    case start, end
    case sequence([PatternNode])
    case either([PatternNode])
    /// From `least` to `most` times; without `most`, any number from `least` on.
    case repeated(PatternNode, least: Int, most: Int?)
}

/// Reads the text of a pattern, in the syntax of RE2 as far as `LinearPattern` takes it.
///
/// **Source** the syntax page of RE2, https://github.com/google/re2/wiki/Syntax.
struct PatternParser {
    /// The deepest nesting of groups: the parser and the compiler recurse once for each.
    static let depthMax = 100
    /// The most that one counted repetition may ask for.
    static let repeatMax = 1000

    let scalars: [Unicode.Scalar]
    /// Where each scalar begins in the UTF-8 of the text, and behind them the count of bytes.
    let offsets: [Int]
    var index = 0
    /// The flags `i` and `s` as they stand at this place.
    var ignoresCase = false
    var dotTakesAll = false

    /// The tree of `text`.
    static func parse(_ text: String) throws(PatternFault) -> PatternNode {
        var parser = PatternParser(text)
        let node = try parser.alternation(depth: 0)
        if parser.index < parser.scalars.count { throw parser.fault(.unopenedGroup) }
        return node
    }

    private init(_ text: String) {
        scalars = Array(text.unicodeScalars)
        var offset = 0
        var all: [Int] = []
        for scalar in text.unicodeScalars {
            all.append(offset)
            offset += UTF8.width(scalar)
        }
        offsets = all + [offset]
    }

    /// A fault at this place, or at the scalar with the index `place`.
    func fault(_ reason: PatternFault.Reason, at place: Int? = nil) -> PatternFault {
        PatternFault(reason, at: offsets[min(place ?? index, scalars.count)])
    }

    /// The scalar `ahead` places on, or nil at the end.
    func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
        index + ahead < scalars.count ? scalars[index + ahead] : nil
    }

    /// Steps over `scalar` if it stands here.
    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard peek() == scalar else { return false }
        index += 1
        return true
    }

    /// The set `set` as the flags want it.
    func one(_ set: ScalarSet) -> PatternNode { .one(ignoresCase ? set.ignoringCase : set) }

    private mutating func alternation(depth: Int) throws(PatternFault) -> PatternNode {
        guard depth <= Self.depthMax else { throw fault(.tooDeep) }
        var branches = [try sequence(depth: depth)]
        while take("|") { branches.append(try sequence(depth: depth)) }
        return branches.count == 1 ? branches[0] : .either(branches)
    }

    private mutating func sequence(depth: Int) throws(PatternFault) -> PatternNode {
        var nodes: [PatternNode] = []
        while let next = peek(), next != "|", next != ")" {
            nodes.append(try repeated(try atom(depth: depth)))
        }
        return nodes.isEmpty ? .empty : nodes.count == 1 ? nodes[0] : .sequence(nodes)
    }

    private mutating func atom(depth: Int) throws(PatternFault) -> PatternNode {
        let begin = index
        guard let scalar = peek() else { return .empty }
        index += 1
        switch scalar {
        case "(": return try group(depth: depth, begin: begin)
        case "[": return try one(characterClass(begin: begin))
        case ".": return .one(dotTakesAll ? .all : ScalarSet(0x0A).inverted)
        case "^": return .start
        case "$": return .end
        case "\\": return try escape(begin: begin)
        case "*", "+", "?": throw fault(.nothingToRepeat, at: begin)
        case "{":
            index = begin
            if try counts() != nil { throw fault(.nothingToRepeat, at: begin) }
            index = begin + 1
            return one(ScalarSet(scalar.value))
        default: return one(ScalarSet(scalar.value))
        }
    }

    /// The repetition behind `node`, if there is one. Lazy ones match the same texts.
    mutating func repeated(_ node: PatternNode) throws(PatternFault) -> PatternNode {
        guard let (least, most) = try repetition() else { return node }
        _ = take("?")
        let begin = index
        if try repetition() != nil { throw fault(.doubledRepeat, at: begin) }
        return .repeated(node, least: least, most: most)
    }

    private mutating func repetition() throws(PatternFault) -> (Int, Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        return try counts()
    }

    /// Reads `{m}`, `{m,}` or `{m,n}`; nil, and nothing read, when the text is none of them.
    private mutating func counts() throws(PatternFault) -> (Int, Int?)? {
        let begin = index
        guard take("{"), let least = number() else {
            index = begin
            return nil
        }
        var most: Int? = least
        if take(",") { most = number() }
        guard take("}") else {
            index = begin
            return nil
        }
        if max(least, most ?? 0) > Self.repeatMax { throw fault(.repeatTooLarge, at: begin) }
        if let most, most < least { throw fault(.repeatOutOfOrder, at: begin) }
        return (least, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let digit = peek(), ("0"..."9").contains(digit) {
            value = min((value ?? 0) * 10 + Int(digit.value - 0x30), Self.repeatMax + 1)
            index += 1
        }
        return value
    }

    /// Reads a group whose `(` is at `begin`; flags set inside end with it.
    private mutating func group(depth: Int, begin: Int) throws(PatternFault) -> PatternNode {
        let flags = (ignoresCase, dotTakesAll)
        if take("?") {
            if try !groupHead(begin: begin) { return .empty }
        }
        let node = try alternation(depth: depth + 1)
        guard take(")") else { throw fault(.unclosedGroup, at: begin) }
        (ignoresCase, dotTakesAll) = flags
        return node
    }
}
