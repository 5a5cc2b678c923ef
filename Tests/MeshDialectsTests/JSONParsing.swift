// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `bytes` as Foundation reads them; fails the test when they are not one JSON object.
func object(_ bytes: [UInt8]) throws -> [String: Any] {
    try #require(
        try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
        "not an object: \(String(decoding: bytes, as: UTF8.self))")
}

/// `object` in a form in which equal objects are equal text.
func normal(_ object: [String: Any]) throws -> String {
    let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    return String(decoding: data, as: UTF8.self)
}
