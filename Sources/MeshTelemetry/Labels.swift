// SPDX-License-Identifier: Apache-2.0

/// The labels of a route's metrics.
package struct RouteLabels: Hashable, Sendable {
    /// The route's name.
    package let route: String
    /// The backend's name.
    package let backend: String

    /// Labels made fit for the page: see `LabelValue`.
    package init(route: String, backend: String) {
        self.route = LabelValue.bounded(route)
        self.backend = LabelValue.bounded(backend)
    }

    /// What came after the table was full.
    static let other = RouteLabels(route: LabelValue.other, backend: LabelValue.other)
}

/// The labels of a model's metrics.
package struct ModelLabels: Hashable, Sendable {
    /// What was asked for: `chat`, `text_completion`, `embeddings`.
    package let operation: String
    /// Whose model it is, in the words of the conventions: `openai`, `aws.bedrock`.
    package let provider: String
    /// The model that the caller named.
    package let requestModel: String
    /// The model that answered.
    package let responseModel: String
    /// The backend's name.
    package let backend: String

    /// Labels made fit for the page: see `LabelValue`.
    package init(
        operation: String, provider: String, requestModel: String, responseModel: String,
        backend: String
    ) {
        self.operation = LabelValue.bounded(operation)
        self.provider = LabelValue.bounded(provider)
        self.requestModel = LabelValue.bounded(requestModel)
        self.responseModel = LabelValue.bounded(responseModel)
        self.backend = LabelValue.bounded(backend)
    }

    /// What came after the table was full.
    static let other = ModelLabels(
        operation: LabelValue.other, provider: LabelValue.other, requestModel: LabelValue.other,
        responseModel: LabelValue.other, backend: LabelValue.other)
}

/// The labels of a limit's metrics.
package struct LimitLabels: Hashable, Sendable {
    /// `namespace/name` of the LimitPolicy.
    package let policy: String
    /// The limit's name within it.
    package let limit: String

    /// Labels made fit for the page: see `LabelValue`.
    package init(policy: String, limit: String) {
        self.policy = LabelValue.bounded(policy)
        self.limit = LabelValue.bounded(limit)
    }

    /// What came after the table was full.
    static let other = LimitLabels(policy: LabelValue.other, limit: LabelValue.other)
}

/// The labels of what a rule of an AccessPolicy led to.
package struct AccessLabels: Hashable, Sendable {
    /// `namespace/name` of the AccessPolicy.
    package let policy: String
    /// The rule's name within it, or `default`.
    package let rule: String

    /// Labels made fit for the page: see `LabelValue`.
    package init(policy: String, rule: String) {
        self.policy = LabelValue.bounded(policy)
        self.rule = LabelValue.bounded(rule)
    }

    /// What came after the table was full.
    static let other = AccessLabels(policy: LabelValue.other, rule: LabelValue.other)
}

/// Makes text fit to be a label value: bounded, and without control characters.
///
/// A NUL or an escape sequence in a model name that a caller chose must not be able to break the
/// scrape of everybody or to colour an operator's terminal. The change happens before the text
/// becomes part of a key, so two long names that are cut to the same text are one series and not
/// a page with a series twice.
package enum LabelValue {
    /// The value shown for what came after a table was full.
    package static let other = "other"
    /// The value shown where there is nothing to name, such as the route of a request refused
    /// before one was found.
    package static let none = "none"

    /// `text` itself where it is fit, else a cut copy with U+FFFD for control characters.
    package static func bounded(_ text: String) -> String {
        let isFit =
            text.utf8.count <= Limits.labelBytes
            && text.utf8.allSatisfy {
                $0 >= 0x20 && $0 != 0x7F
            }
        if isFit { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || scalar.value == 0x7F
            let shown: Unicode.Scalar = isControl ? "\u{FFFD}" : scalar
            guard result.utf8.count + UTF8.width(shown) <= Limits.labelBytes else { break }
            result.unicodeScalars.append(shown)
        }
        return result
    }
}
