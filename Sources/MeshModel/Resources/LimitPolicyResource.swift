// SPDX-License-Identifier: Apache-2.0

package import MeshBasics

/// A `LimitPolicy`: limits and what they apply to.
package struct LimitPolicyResource: Hashable, Sendable {
    /// Name and place.
    package var metadata: Metadata
    /// What it applies to, in its own namespace.
    package var targets: [Reference]
    /// Its limits.
    package var limits: [LimitText]

    init(metadata: Metadata, spec: Cursor?) {
        self.metadata = metadata
        targets = (spec?.elements("targetRefs") ?? []).compactMap { Reference($0) }
        limits = (spec?.elements("limits") ?? []).compactMap { LimitText($0) }
    }
}

/// One limit as it was written: what is absent is nil.
package struct LimitText: Hashable, Sendable {
    /// Its name.
    package var name: Located<String>
    /// `requests`.
    package var requests: Located<Int>?
    /// `tokens`.
    package var tokens: Located<Int>?
    /// `cost`, in millionths.
    package var cost: Located<Int64>?
    /// `currency`.
    package var currency: Located<Currency>?
    /// `per`.
    package var period: Located<Nanoseconds>?
    /// `burst`, in millionths.
    package var burst: Located<Int64>?
    /// `key`.
    package var keys: [Located<LimitKey>]
    /// Whether it only counts what it would refuse.
    package var isAudit: Bool
    /// `keysMax`.
    package var keysMax: Located<Int>?
    /// Where it is written.
    package var place: Place

    init?(_ cursor: Cursor) {
        guard let name = cursor.text("name") else { return nil }
        self.name = name
        requests = cursor.integer("requests")
        tokens = cursor.integer("tokens")
        cost = cursor.millionths("cost")
        currency = cursor.text("currency").flatMap { text in
            Currency(text.value).map { Located($0, at: text.place) }
        }
        period = cursor.duration("per")
        burst = cursor.millionths("burst")
        keys = cursor.oneOrSome("key").compactMap { element in
            guard let text = element.text, let key = Notation.limitKey(text.value) else {
                return nil
            }
            return Located(key, at: text.place)
        }
        isAudit = cursor.text("mode")?.value == "audit"
        keysMax = cursor.integer("keysMax")
        place = cursor.place
    }
}

/// What a limit counts apart.
package enum LimitKey: Hashable, Sendable {
    /// Nothing.
    case global
    /// The address of the caller.
    case source
    /// The model.
    case model
    /// Whom an IdentityProvider knows the caller by.
    case identity
    /// The value of a header, its name in lower case.
    case header(String)
}

/// A price as it was written, for a million tokens, in millionths of a unit of the currency.
package struct PriceText: Hashable, Sendable {
    /// For tokens that are read.
    package var input: Int64
    /// For tokens that are written.
    package var output: Int64
    /// For tokens that are read from a cache, or nil for `input`.
    package var cachedInput: Int64?
    /// The currency, or nil for the default.
    package var currency: Currency?
    /// Where it is written.
    package var place: Place

    init?(_ cursor: Cursor?) {
        guard let cursor, let input = cursor.millionths("inputPerMillion"),
            let output = cursor.millionths("outputPerMillion")
        else { return nil }
        self.input = input.value
        self.output = output.value
        cachedInput = cursor.millionths("cachedInputPerMillion")?.value
        currency = cursor.text("currency").flatMap { Currency($0.value) }
        place = cursor.place
    }
}
