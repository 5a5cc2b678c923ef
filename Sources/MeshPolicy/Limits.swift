// SPDX-License-Identifier: Apache-2.0

/// Every bound of this room. Reaching one is a refusal that says so.
package enum Limits {
    /// The longest text of an expression, in bytes: rules are read by people.
    package static let textBytesMax = 16_384
    /// The deepest nesting of an expression: what walks it recurses once for each level.
    package static let depthMax = 250
    /// The most nodes of one expression, after its macros are expanded.
    package static let nodesMax = 5_000
    /// The most mistakes reported at once.
    package static let mistakesMax = 20
    /// The most one evaluation may cost, in the units of `CostEstimate`: about a millisecond.
    package static let costMax = 100_000
    /// What a pattern costs that is not known before the evaluation and must be compiled in it.
    package static let patternCost = 20_000
    /// The size of a fact whose declaration says none: bytes of a text, entries of a collection.
    package static let factSizeMax = 1_024
    /// The longest text that an evaluation may make, in bytes.
    package static let textMadeMax = 1 << 20
    /// The most digits behind the point that `format` may be asked for.
    package static let precisionMax = 100
    /// The most slots of one layout.
    package static let slotsMax = 4_096
}
