// SPDX-License-Identifier: Apache-2.0

/// Gives each stable error code a small number. Number 0 means no error, 1 any code after the
/// table was full.
package struct ErrorCodeTable: Sendable {
    /// The codes by number.
    package private(set) var codes: [StaticString] = ["", "other"]

    /// An empty table.
    package init() {}

    /// The number of `code`. **Complexity**: linear in the codes seen so far; errors only.
    package mutating func number(of code: StaticString) -> Int {
        for number in codes.indices where Self.equal(codes[number], code) { return number }
        guard codes.count <= Limits.errorCodes else { return 1 }
        codes.append(code)
        return codes.count - 1
    }

    /// Takes over the codes of `other`; answers the numbers here by the numbers there.
    package mutating func merge(_ other: ErrorCodeTable) -> [Int] {
        other.codes.map { number(of: $0) }
    }

    private static func equal(_ a: StaticString, _ b: StaticString) -> Bool {
        guard a.utf8CodeUnitCount == b.utf8CodeUnitCount else { return false }
        // The same literal is mostly the same pointer; the bytes decide when it is not.
        if unsafe a.utf8Start == b.utf8Start { return true }
        for i in 0..<a.utf8CodeUnitCount where unsafe a.utf8Start[i] != b.utf8Start[i] {
            return false
        }
        return true
    }
}
