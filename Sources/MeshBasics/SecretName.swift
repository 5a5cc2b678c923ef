// SPDX-License-Identifier: Apache-2.0

/// Tells by its name whether a field or parameter may carry a credential, for whoever prints one.
package enum SecretName {
    /// Whether a field or parameter of that name, in lower case, may carry a credential.
    package static func isSecret(_ name: String) -> Bool {
        if plain.contains(name) { return false }
        return name.hasSuffix("key") || names.contains(name) || holdsWord(Array(name.utf8))
    }

    /// Whether one of the words is somewhere in `name`. Bytes, because a search of a String by
    /// characters costs microseconds a word, and each field of a recorded head is asked.
    private static func holdsWord(_ name: [UInt8]) -> Bool {
        for start in name.indices {
            for word in words where word[0] == name[start] && start + word.count <= name.count {
                var length = 1
                while length < word.count, name[start + length] == word[length] { length += 1 }
                if length == word.count { return true }
            }
        }
        return false
    }

    /// What is shown in the place of a secret.
    package static let redacted = "[redacted]"

    private static let words = [
        "auth", "cookie", "token", "secret", "password", "passwd", "api-key", "api_key", "apikey",
        "access-key", "access_key", "credential", "signature", "session", "jwt", "assertion",
        "client-cert", "ticket", "otp",
    ].map { Array($0.utf8) }
    private static let names = ["key", "sig", "code", "pwd", "pass"]
    /// Names that hold one of the words and no secret.
    private static let plain = [
        "www-authenticate", "x-session-id", "x-conversation-id", "sec-websocket-key",
    ]
}
