// SPDX-License-Identifier: Apache-2.0

/// The bounds of this room, each with its reason.
package enum Limits {
    /// Bytes of an engine's answer, its head aside: a verdict and a few fields take hundreds.
    package static let answerBytes = 256 * 1024
    /// Fields that one answer may set, add or remove: a head has room for about as many.
    package static let answerFields = 64
    /// Bytes of all names and values of such fields: half of a head.
    package static let answerFieldBytes = 16 * 1024
    /// Data labels that a classifier may answer with: as many as a mesh may have.
    package static let labels = 64
    /// Bytes of a reason: one line for a person.
    package static let reasonBytes = 256
    /// Bytes of the key that an answer is kept by; with longer ones it is not kept.
    package static let keyBytes = 4 * 1024
    /// Bytes of answers and their keys that one cache keeps, by a rough count.
    package static let cacheBytes = 16 * 1024 * 1024
}
