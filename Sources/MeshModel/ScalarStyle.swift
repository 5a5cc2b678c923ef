// SPDX-License-Identifier: Apache-2.0

/// How a scalar was written: what is needed to find a place within its text again.
package enum ScalarStyle: Hashable, Sendable {
    /// Without quotes.
    case plain
    /// Between `'`.
    case singleQuoted
    /// Between `"`.
    case doubleQuoted
    /// Below `|`, each line behind so many blanks.
    case literal(indent: Int)
    /// In a way that moves line breaks about.
    case other
}

/// A text with a notation of its own, as CEL: mistakes in it have places of their own.
package struct EmbeddedText: Hashable, Sendable {
    /// The text.
    package var text: String
    /// Where the scalar begins.
    package var place: Place
    /// How it is written.
    package var style: ScalarStyle

    init?(_ cursor: Cursor?) {
        guard let cursor, let text = cursor.text else { return nil }
        self.text = text.value
        place = text.place
        style = cursor.tree.style
    }

    /// `text`, made from what is written at `place`.
    package init(generated text: String, at place: Place) {
        self.text = text
        self.place = place
        style = .other
    }

    /// Where the character at `line` and `column` of the text, both from 1, stands in the file;
    /// the beginning of the text where the notation hides that.
    package func place(line: Int, column: Int) -> Place {
        var found = place
        switch style {
        case .plain where line == 1: found.column += column - 1
        case .singleQuoted where line == 1:
            found.column += column + before(column).count { $0 == "'" }
        case .doubleQuoted where line == 1:
            found.column += column + before(column).count { $0 == "\"" || $0 == "\\" }
        case .literal(let indent):
            found.line += line
            found.column = indent + column
        case .plain, .singleQuoted, .doubleQuoted, .other: break
        }
        return found
    }

    /// What stands in front of `column` in the first line; a quote or a backslash in it was
    /// written as two characters.
    private func before(_ column: Int) -> Substring.UnicodeScalarView {
        Substring(text).unicodeScalars.prefix(column - 1)
    }
}
