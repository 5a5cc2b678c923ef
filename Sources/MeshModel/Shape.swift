// SPDX-License-Identifier: Apache-2.0

/// What may stand at one position of a resource.
///
/// One description serves four ends: unknown fields and wrong types are found with it, the JSON
/// Schema for editors is printed from it, and so is `Docs/configuration.md`.
package indirect enum Shape: Sendable {
    /// Text of a format.
    case text(Format)
    /// One of a few words. What is `refused` is known, but not offered: its message says why.
    case choice([String], refused: [Refused] = [])
    /// A whole number.
    case integer(ClosedRange<Int>)
    /// `true` or `false`.
    case boolean
    /// A number of bytes, as a number or like `16Mi`.
    case byteSize(ClosedRange<Int>)
    /// A decimal number of 0 or above up to this, as a number or in quotes: `12.50`.
    case decimal(atMost: Int)
    /// One value, or a list of so many of them.
    case oneOrSome(Shape, atMost: Int)
    /// Fields of fixed names.
    case object([Field])
    /// A list of so many elements.
    case list(Shape, count: ClosedRange<Int>)
    /// Any names with text.
    case labels
    /// Any names with text that no message, schema or document may show.
    case secrets
    /// Anything; it is not read.
    case ignored

    /// A word that is known but not offered.
    package struct Refused: Sendable {
        /// The word.
        package var value: String
        /// Why, and what to do instead.
        package var remedy: String

        /// `value`, refused with `remedy`.
        package init(_ value: String, _ remedy: String) {
            self.value = value
            self.remedy = remedy
        }
    }

    /// A list of any length up to `most`.
    static func list(_ element: Shape, atMost most: Int) -> Shape {
        .list(element, count: 0...most)
    }

    /// A list of at least one element.
    static func someOf(_ element: Shape, atMost most: Int) -> Shape {
        .list(element, count: 1...most)
    }

    /// A TCP port.
    static let port = Shape.integer(1...65_535)
    /// A duration.
    static let duration = Shape.text(.duration)
}

/// One field of an object.
package struct Field: Sendable {
    /// Its name.
    package var name: String
    /// What may stand there.
    package var shape: Shape
    /// Whether it must be there.
    package var isRequired: Bool
    /// What holds when it is not there, as it would be written.
    package var fallback: String?
    /// One line that says what it is for; for a field that is not offered, what to do instead.
    package var note: String
    /// Whether it is a known field of the standard that is not offered here.
    package var isRefused: Bool

    /// A field of the given parts.
    init(
        _ name: String, _ shape: Shape, required: Bool = false, fallback: String? = nil,
        _ note: String
    ) {
        self.name = name
        self.shape = shape
        self.isRequired = required
        self.fallback = fallback
        self.note = note
        self.isRefused = false
    }

    /// A field of the standard that is not offered; `remedy` says what to do instead.
    static func refused(_ name: String, _ remedy: String) -> Field {
        var field = Field(name, .ignored, remedy)
        field.isRefused = true
        return field
    }
}
