// SPDX-License-Identifier: Apache-2.0

/// The bounds of this target, each with its reason.
package enum Limits {
    /// Bytes of one token. Heads are bounded as well; a token that needs more is no bearer token.
    package static var tokenBytesMax: Int { 16 * 1024 }
    /// Bytes of the name of a key, which is only ever looked up.
    package static var keyNameBytesMax: Int { 512 }
    /// Bytes of a set of keys: more than a hundred certificates' worth.
    package static var keySetBytesMax: Int { 256 * 1024 }
    /// Keys of one set that are kept; providers publish two to ten.
    package static var keySetKeysMax: Int { 64 }
    /// Bits of an RSA modulus: fewer are broken, more take longer to check than a request may.
    package static var rsaBits: ClosedRange<Int> { 2048...8192 }
    /// Bytes of the name of whom a token is about.
    package static var subjectBytesMax: Int { 256 }
    /// API keys of one file.
    package static var apiKeysMax: Int { 100_000 }
    /// Bytes of one line of a file of API keys.
    package static var apiKeyLineBytesMax: Int { 8 * 1024 }
    /// What an API key may be used for, in words.
    package static var scopesMax: Int { 64 }
}
