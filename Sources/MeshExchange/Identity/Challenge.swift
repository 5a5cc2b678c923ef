// SPDX-License-Identifier: Apache-2.0

import MeshBasics

/// Tells a caller how to say who it is, as every answer with status 401 must.
///
/// **Source** RFC 9110 section 11.6.1; RFC 6750 section 3: without a credential no error is named.
enum Challenge {
    /// Appends the line for `refusal`, when it is about who the caller is.
    static func append(for refusal: Refusal, to out: inout [UInt8]) {
        guard refusal.status == 401 else { return }
        out.append("www-authenticate: Bearer realm=\"pinion\"")
        if refusal.code == .invalidCredential {
            out.append(", error=\"invalid_token\", error_description=\"")
            // RFC 6750 allows no quote and no backslash here.
            for byte in refusal.message.utf8
            where byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C {
                out.append(byte)
            }
            out.append("\"")
        }
        out.append("\r\n")
    }
}
