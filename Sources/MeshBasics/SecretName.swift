// SPDX-License-Identifier: Apache-2.0

/// Tells by its name whether a field or parameter may carry a credential, for whoever prints one.
package enum SecretName {
    /// Whether a field or parameter of that name, in lower case, may carry a credential.
    package static func isSecret(_ name: String) -> Bool {
        if plain.contains(name) { return false }
        return words.contains { name.contains($0) } || names.contains(name)
            || name.hasSuffix("key")
    }

    /// What is shown in the place of a secret.
    package static let redacted = "[redacted]"

    private static let words = [
        "auth", "cookie", "token", "secret", "password", "passwd", "api-key", "api_key", "apikey",
        "access-key", "access_key", "credential", "signature", "session", "jwt", "assertion",
        "client-cert", "ticket", "otp",
    ]
    private static let names = ["key", "sig", "code", "pwd", "pass"]
    /// Names that hold one of the words and no secret.
    private static let plain = [
        "www-authenticate", "x-session-id", "x-conversation-id", "sec-websocket-key",
    ]
}
