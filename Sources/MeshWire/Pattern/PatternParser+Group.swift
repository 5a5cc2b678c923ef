// SPDX-License-Identifier: Apache-2.0

extension PatternParser {
    /// Reads what stands behind `(?`. Answers false for `(?i)`, which is no group but sets flags
    /// for the rest of the one around it.
    mutating func groupHead(begin: Int) throws(PatternFault) -> Bool {
        if take(":") { return true }
        if peek() == "=" || peek() == "!" { throw fault(.lookAround, at: begin) }
        if peek() == "<", peek(1) == "=" || peek(1) == "!" { throw fault(.lookAround, at: begin) }
        if peek() == ">" || peek() == "(" || peek() == "|" {
            throw fault(.atomicGroup, at: begin)
        }
        if peek() == "P", peek(1) == "=" || peek(1) == ">" {
            throw fault(.backReference, at: begin)
        }
        if peek() == "P", peek(1) == "<" { index += 1 }
        if take("<") {
            try groupName()
            return true
        }
        return try flags(begin: begin)
    }

    /// Steps over the name of a group and its `>`; names have no use here.
    private mutating func groupName() throws(PatternFault) {
        let begin = index
        while let scalar = peek(), ScalarSet.words.contains(scalar.value) { index += 1 }
        guard index > begin, take(">") else { throw fault(.invalidGroupName, at: begin) }
    }

    private mutating func flags(begin: Int) throws(PatternFault) -> Bool {
        var value = true
        var count = 0
        while let flag = peek() {
            switch flag {
            case "i": ignoresCase = value
            case "s": dotTakesAll = value
            case "-" where value: value = false
            case ":" where count > 0:
                index += 1
                return true
            case ")" where count > 0:
                index += 1
                return false
            default: throw fault(.unknownFlag)
            }
            if flag != "-" { count += 1 }
            index += 1
        }
        throw fault(.unclosedGroup, at: begin)
    }

    /// Reads what stands behind the backslash at `begin`, outside a class.
    mutating func escape(begin: Int) throws(PatternFault) -> PatternNode {
        guard let scalar = peek() else { throw fault(.trailingBackslash, at: begin) }
        switch scalar {
        case "A":
            index += 1
            return .start
        case "z":
            index += 1
            return .end
        case "Q":
            index += 1
            return try quoted()
        case "b", "B": throw fault(.wordBoundary, at: begin)
        case "k", "1"..."9": throw fault(.backReference, at: begin)
        default: return one(try escapedSet(begin: begin))
        }
    }

    /// Reads the literal text up to `\E` or to the end of the pattern.
    private mutating func quoted() throws(PatternFault) -> PatternNode {
        var nodes: [PatternNode] = []
        while let scalar = peek() {
            if scalar == "\\", peek(1) == "E" {
                index += 2
                break
            }
            nodes.append(one(ScalarSet(scalar.value)))
            index += 1
        }
        // A repetition behind the quotation belongs to its last scalar.
        if let last = nodes.popLast() { nodes.append(try repeated(last)) }
        return .sequence(nodes)
    }
}
