// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// `bytes` as Foundation reads them; fails the test when they are not one JSON object.
func object(_ bytes: [UInt8]) throws -> NSDictionary {
    try #require(
        try JSONSerialization.jsonObject(with: Data(bytes)) as? NSDictionary,
        "not an object: \(String(decoding: bytes, as: UTF8.self))")
}
