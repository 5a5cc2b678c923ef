// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Whether text may stand in a field line that the mesh writes for somebody else.
package enum FieldText {
    /// Whether `name` is a field name: a token that is not empty.
    ///
    /// **Source** RFC 9110 section 5.1.
    package static func isName(_ name: RawSpan) -> Bool {
        name.byteCount > 0 && name.isToken(from: 0, to: name.byteCount)
    }

    /// Whether `value` may be written as a value: no byte of it ends the line or the text.
    ///
    /// **Source** RFC 9110 section 5.5; control bytes but the tab are refused altogether.
    package static func isValue(_ value: RawSpan) -> Bool {
        for i in 0..<value.byteCount {
            let byte = value[i]
            if byte < 0x20 && byte != 0x09 || byte == 0x7F { return false }
        }
        return true
    }
}
