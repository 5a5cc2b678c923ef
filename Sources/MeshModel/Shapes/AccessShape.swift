// SPDX-License-Identifier: Apache-2.0

/// The fields of `AccessPolicy.spec`.
enum AccessPolicyShape {
    static let spec: [Field] = [
        Field(
            "targetRefs", .someOf(.object(target), atMost: 16), required: true,
            "what it applies to, in its own namespace"),
        Field(
            "default", .choice(["allow", "deny"]),
            fallback: "`deny` with an `allow` rule, else `allow`",
            "what happens to a request that no rule decides about"),
        Field(
            "mode", .choice(["enforce", "audit"]), fallback: "enforce",
            "`audit` counts and logs what would be refused, and refuses nothing"),
        Field(
            "rules", .list(.object(rule), atMost: 64),
            "the rules; whatever their order, `deny` goes before `require` before `allow`, and "
                + "`custom` comes when no rule has refused"),
    ]

    private static let target: [Field] = [
        Field(
            "group", .choice(["gateway.networking.k8s.io", "pinion.dev"]), required: true,
            "the API group of the target"),
        Field(
            "kind", .choice(["Gateway", "HTTPRoute", "GRPCRoute", "Model", "Backend"]),
            required: true,
            "the kind of the target"),
        Field("name", .text(.subdomain), required: true, "the name of the target"),
        .refused("sectionName", "target the whole resource"),
    ]

    private static let rule: [Field] = [
        Field("name", .text(.label), required: true, "its name, unique in the policy"),
        Field(
            "action", .choice(["deny", "require", "custom", "allow"]), required: true,
            "`deny` refuses when the condition is true, `require` when it is not, `allow` lets "
                + "pass when it is; `custom` refuses when the engine of `engineRef` does"),
        Field(
            "when", .text(.expression),
            "a condition in CEL over the facts of Docs/facts.md; one that cannot be evaluated "
                + "refuses. Only `custom` rules may be without: their engine is then always "
                + "asked, and else when the condition is true or cannot be evaluated"),
        Field(
            "engineRef", .object(ReferenceShape.policyEngine),
            "the PolicyEngine that a `custom` rule asks"),
        Field("message", .text(.line), "what a refused caller is told beside the rule's name"),
    ]
}
