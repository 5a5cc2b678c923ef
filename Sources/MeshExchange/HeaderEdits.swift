// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSnapshot
import MeshWire

/// Applies RequestHeaderModifier and ResponseHeaderModifier while a head is written.
enum HeaderEdits {
    /// The names whose received fields do not pass as they are.
    static func replaced(_ edits: [HeaderEdit]) -> [[UInt8]] {
        var names: [[UInt8]] = []
        for edit in edits {
            switch edit {
            case .set(let name, _), .remove(let name): names.append(name)
            case .add: break
            }
        }
        return names
    }

    /// Appends the fields that the edits bring.
    ///
    /// A `set` of a name that a later `remove` names does not appear; an `add` behind a `set` of
    /// the same name appears as one more line.
    static func append(
        _ edits: [HeaderEdit], fields: [FieldSlot], bytes: RawSpan, to out: inout [UInt8]
    ) {
        for (i, edit) in edits.enumerated() {
            switch edit {
            case .remove: break
            case .set(let name, let value), .add(let name, let value):
                let isUndone = edits[(i + 1)...].contains { later in
                    switch later {
                    case .remove(let other), .set(let other, _): other == name
                    case .add: false
                    }
                }
                guard !isUndone else { continue }
                out.append(contentsOf: name)
                out.append(": ")
                out.append(contentsOf: value)
                out.append("\r\n")
            }
        }
    }
}
