// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// The API keys of one file: one to a line, in JSON.
package struct APIKeySet: Sendable {
    /// The keys, in the order of the file.
    package let keys: [APIKey]
    private let places: [String: Int]

    /// A set of no keys.
    package init() {
        keys = []
        places = [:]
    }

    /// Why a file is none of API keys.
    package struct Fault: Error, Hashable, Sendable {
        /// The line, from 1.
        package let line: Int
        /// What is wrong there; nothing of the line is in it.
        package let message: String
    }

    /// The keys that `bytes` describe. Empty lines are left out.
    ///
    /// **Errors** the first line that describes none or has the id of another: half a file must
    /// not be taken for the whole, or keys that were revoked in the other half come back.
    package init(_ bytes: [UInt8]) throws(Fault) {
        var keys: [APIKey] = []
        var places: [String: Int] = [:]
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if line.isEmpty { continue }
            let text = Array(line)
            guard let key = APIKey(line: unsafe text.span.bytes) else {
                throw Fault(line: number, message: "it describes no API key")
            }
            guard keys.count < Limits.apiKeysMax else {
                throw Fault(line: number, message: "it is more than \(Limits.apiKeysMax) keys")
            }
            guard places.updateValue(keys.count, forKey: key.id) == nil else {
                throw Fault(line: number, message: "another line has the same id")
            }
            keys.append(key)
        }
        self.keys = keys
        self.places = places
    }

    /// The key called `id`, or nil.
    package func key(called id: String) -> APIKey? { places[id].map { keys[$0] } }

    /// Whether `text` looks like a key of this mesh, whosever it is.
    package static func isKey(_ text: RawSpan) -> Bool { text.hasPrefix("pinion_") }

    /// The key whose text is `text`, in force or not.
    ///
    /// **Errors** `.malformed`, and `.unknown` both when there is no such id and when the secret
    /// is another: who does not hold the secret learns nothing.
    package func key(matching text: RawSpan) throws(APIKey.Fault) -> APIKey {
        let start = APIKey.prefix.utf8.count
        let end = start + APIKey.idLength
        guard Self.isKey(text), text.byteCount == end + 1 + APIKey.secretLength,
            text[end] == UInt8(ascii: "_")
        else { throw .malformed }
        let id = text.extracting(start..<end).array
        let secret = text.extracting((end + 1)..<text.byteCount)
        guard APIKey.isName(id, length: APIKey.idLength),
            APIKey.isName(secret.array, length: APIKey.secretLength)
        else { throw .malformed }
        guard let place = places[String(decoding: id, as: UTF8.self)] else { throw .unknown }
        let key = keys[place]
        guard Digest(of: secret, salt: key.salt).equals(key.hash) else { throw .unknown }
        return key
    }
}
