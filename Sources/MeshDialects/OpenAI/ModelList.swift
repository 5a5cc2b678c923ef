// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// The answer to `GET /v1/models` and `GET /v1/models/{id}`.
///
/// **Source** the Models object of the OpenAI API reference.
package enum ModelList {
    /// One model that a caller may use.
    package struct Entry: Sendable, Hashable {
        /// The name, UTF-8.
        package var id: [UInt8]
        /// Who owns it.
        package var owner: String

        /// The model `id` of `owner`.
        package init(id: [UInt8], owner: String) {
            self.id = id
            self.owner = owner
        }
    }

    /// Appends the list object of `entries`.
    package static func append(_ entries: [Entry], to out: inout [UInt8]) {
        out.append(#"{"object":"list","data":["#)
        for (i, entry) in entries.enumerated() {
            if i > 0 { out.append(UInt8(ascii: ",")) }
            append(entry, to: &out)
        }
        out.append("]}")
    }

    /// Appends one model object.
    package static func append(_ entry: Entry, to out: inout [UInt8]) {
        out.append(#"{"id":"#)
        out.appendJSONString(unsafe entry.id.span.bytes)
        out.append(#","object":"model","created":0,"owned_by":"#)
        out.appendJSONString(entry.owner)
        out.append("}")
    }
}
