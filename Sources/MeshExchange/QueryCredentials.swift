// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Parameters of a query that some vendors take a caller's credential from.
///
/// **Source** `key` of Google APIs; `access_token` of RFC 6750 section 2.3; `api-key` and
/// `subscription-key` of Azure; the rest are spellings of the same.
enum QueryCredentials {
    private static let names = [
        "key", "api_key", "api-key", "apikey", "access_token", "token", "auth", "authorization",
        "subscription-key", "x-api-key",
    ].map { Array($0.utf8) }

    /// `query` without them, everything else as it was written.
    static func removed(from query: RawSpan) -> [UInt8] {
        var out: [UInt8] = []
        var start = 0
        while start <= query.byteCount {
            // Some servers take a semicolon for the end of a parameter, too.
            var end = start
            while end < query.byteCount, query[end] != UInt8(ascii: "&"),
                query[end] != UInt8(ascii: ";")
            {
                end += 1
            }
            let part = query.extracting(start..<end)
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.byteCount
            let name = PercentEscapes.decoded(part.extracting(0..<equals).array)
                .map { ASCII.lowercased($0) }
            if !names.contains(name) {
                if start > 0, !out.isEmpty { out.append(query[start - 1]) }
                out.append(part)
            }
            start = end + 1
        }
        return out
    }
}
