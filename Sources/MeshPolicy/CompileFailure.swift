// SPDX-License-Identifier: Apache-2.0

/// One thing that is wrong with the text of an expression.
package struct Mistake: Hashable, Sendable, CustomStringConvertible {
    /// The line, counted from 1.
    package var line: Int
    /// The column in code points, counted from 1.
    package var column: Int
    /// What is wrong, in a lower-case fact.
    package var message: String
    /// What to do about it.
    package var remedy: String

    package var description: String { "\(line):\(column): \(message); \(remedy)" }
}

/// Why the text of an expression did not become a program: every mistake found, in its order.
package struct CompileFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The mistakes; there is at least one.
    package var mistakes: [Mistake]

    package var description: String { mistakes.map(\.description).joined(separator: "\n") }
}

/// A mistake that still knows its place as an offset only.
struct Fault: Error, Hashable {
    /// Offset of the byte in the text.
    var offset: Int
    var message: String
    var remedy: String

    init(at offset: Int, _ message: String, _ remedy: String) {
        self.offset = offset
        self.message = message
        self.remedy = remedy
    }

    /// The mistake, with the line and the column of its place in `text`.
    func mistake(in text: [UInt8]) -> Mistake {
        let place = Place(of: offset, in: text)
        return Mistake(line: place.line, column: place.column, message: message, remedy: remedy)
    }
}

/// A place in a text as people count it.
struct Place: Hashable {
    /// Both are counted from 1, the column in code points.
    var line = 1
    var column = 1

    /// The place of the byte at `offset` of `text`, which is UTF-8.
    init(of offset: Int, in text: [UInt8]) {
        for byte in text.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
    }
}
