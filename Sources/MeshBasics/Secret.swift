// SPDX-License-Identifier: Apache-2.0

/// A value that no printer, dump, mirror or encoder shows.
///
/// The value comes out only through `reveal()`, so a search for that word lists every place
/// where a secret is used.
package struct Secret<Value: Sendable & Hashable>: Sendable, Hashable,
    CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    private let value: Value

    /// Wraps `value`.
    package init(_ value: Value) { self.value = value }

    /// The value itself. Use it where the secret is spent, never where anything is printed.
    package func reveal() -> Value { value }

    package var description: String { "[redacted]" }
    package var debugDescription: String { "[redacted]" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
