// SPDX-License-Identifier: Apache-2.0

import MeshPolicy

extension Fact {
    /// The text of `Docs/facts.md`.
    package static func markdown() -> String {
        var lines = [
            "# Facts", "",
            "<!-- Generated from Sources/MeshSnapshot/Fact.swift by `make docs`. -->", "",
            "What the rules of an [AccessPolicy](operating/access.md) speak about, in "
                + "[CEL](cel.md). A fact is known from one stage on, and a rule is asked at the "
                + "stage of the latest fact that it reads:", "",
            "- **head**: the head was read, the body not yet.",
            "- **body**: the body was read and the model is known, no limit was asked yet.",
            "- **destination**: a Backend was chosen; asked for each one that the request is "
                + "about to be sent to, copies and fallbacks included.", "",
            "A fact that is absent makes the rule that reads it fail, unless the rule asks first: "
                + "`has(ai.max_tokens)`, `'x-team' in request.headers`.", "",
            "| fact | type | known at | what it is |", "| --- | --- | --- | --- |",
        ]
        for fact in allCases {
            lines.append(
                "| `\(fact.name)` | \(fact.declaration.type) | \(fact.stage.label) | "
                    + "\(fact.note) |")
        }
        lines += [
            "",
            "The facts of a caller's certificate (`source.spiffe_id`, `source.namespace`) are "
                + "known only on listeners that ask callers for certificates of a "
                + "[TrustDomain](operating/tls.md); a rule that reads one elsewhere is reported in "
                + "the same way.", "",
            "Facts about who the caller is (`source.identity`, `source.key`, `jwt.claims`) are "
                + "known only where an [IdentityProvider](operating/identity.md) of that kind "
                + "applies; a rule that reads one elsewhere is a mistake that is reported when the "
                + "configuration is read. What a caller says of itself in a header is a fact about "
                + "the request and never about the caller: what is not verified is no identity.",
            "",
        ]
        return lines.joined(separator: "\n")
    }
}
