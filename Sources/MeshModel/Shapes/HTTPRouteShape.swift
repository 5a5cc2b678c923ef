// SPDX-License-Identifier: Apache-2.0

/// The fields of `HTTPRoute.spec`.
///
/// **Source** https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec
enum HTTPRouteShape {
    static let spec: [Field] = [
        Field(
            "parentRefs", .list(.object(ReferenceShape.parent), atMost: 32),
            "the Gateways whose listeners the route attaches to"),
        Field(
            "hostnames", .list(.text(.hostname), atMost: 256),
            "the hostnames it serves; absent for all of the listener"),
        Field(
            "rules", .list(.object(rule), atMost: 128),
            fallback: "one rule for every path", "what happens to which requests"),
        .refused("useDefaultGateways", "write `parentRefs`"),
    ]

    private static let rule: [Field] = [
        Field("name", .text(.subdomain), "its name, unique in the route"),
        Field(
            "matches", .list(.object(match), atMost: 64), fallback: "every path",
            "what a request must look like; one match suffices"),
        Field(
            "filters", .list(.object(filter), atMost: 16),
            "how requests and answers are changed"),
        Field(
            "backendRefs", .list(.object(weightedBackend), atMost: 64),
            "where requests go, by weight"),
        Field("timeouts", .object(timeouts), "time limits"),
        Field("retry", .object(retry), "what is tried again"),
        .refused(
            "sessionPersistence",
            "remove it, or balance with `RingHash` in a TrafficPolicy of the Backend"),
    ]

    private static let match: [Field] = [
        Field("path", .object(pathMatch), fallback: "PathPrefix /", "what the path must be"),
        Field("headers", .list(.object(headerMatch), atMost: 16), "headers it must all have"),
        Field(
            "queryParams", .list(.object(queryMatch), atMost: 16),
            "query parameters it must all have"),
        Field(
            "method",
            .choice([
                "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
            ]), "the method it must have"),
    ]

    private static let pathMatch: [Field] = [
        Field(
            "type", .choice(["Exact", "PathPrefix", "RegularExpression"]),
            fallback: "PathPrefix", "how `value` is compared"),
        Field("value", .text(.line), fallback: "/", "the path, prefix or pattern"),
    ]

    /// A match on a header.
    static let headerMatch: [Field] = [
        Field(
            "type", .choice(["Exact", "RegularExpression"]), fallback: "Exact",
            "how `value` is compared"),
        Field("name", .text(.headerName), required: true, "the header's name"),
        Field("value", .text(.headerValue), required: true, "its value or a pattern of it"),
    ]

    private static let queryMatch: [Field] = [
        Field(
            "type", .choice(["Exact", "RegularExpression"]), fallback: "Exact",
            "how `value` is compared"),
        Field("name", .text(.line), required: true, "the parameter's name"),
        Field("value", .text(.line), required: true, "its value or a pattern of it"),
    ]

    /// The fields of one filter.
    static let filter: [Field] = [
        Field(
            "type",
            .choice(
                [
                    "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect",
                    "URLRewrite", "RequestMirror",
                ],
                refused: [
                    .init("CORS", "answer CORS in the backend"),
                    .init("ExtensionRef", "use one of the filters of the Gateway API"),
                    .init("ExternalAuth", "remove it: there is no external authorization yet"),
                ]),
            required: true, "which filter this is"),
        Field("requestHeaderModifier", .object(headerModifier), "changes of the request's head"),
        Field("responseHeaderModifier", .object(headerModifier), "changes of the answer's head"),
        Field("requestRedirect", .object(redirect), "answers with a redirect"),
        Field("urlRewrite", .object(rewrite), "changes the host or path before forwarding"),
        Field("requestMirror", .object(mirror), "sends a copy elsewhere"),
        .refused("cors", "answer CORS in the backend"),
        .refused("extensionRef", "use one of the filters of the Gateway API"),
        .refused("externalAuth", "remove it: there is no external authorization yet"),
    ]

    private static let headerModifier: [Field] = [
        Field("set", .list(.object(header), atMost: 16), "replaces headers"),
        Field("add", .list(.object(header), atMost: 16), "adds headers"),
        Field("remove", .list(.text(.headerName), atMost: 16), "removes headers"),
    ]

    private static let header: [Field] = [
        Field("name", .text(.headerName), required: true, "the header's name"),
        Field("value", .text(.headerValue), required: true, "its value"),
    ]

    private static let redirect: [Field] = [
        Field("scheme", .choice(["http", "https"]), "the new scheme"),
        Field("hostname", .text(.preciseHostname), "the new host"),
        Field("path", .object(pathModifier), "the new path"),
        Field("port", .port, "the new port"),
        Field("statusCode", .integer(300...399), fallback: "302", "301, 302, 303, 307 or 308"),
    ]

    private static let rewrite: [Field] = [
        Field("hostname", .text(.preciseHostname), "the new host"),
        Field("path", .object(pathModifier), "the new path"),
    ]

    private static let pathModifier: [Field] = [
        Field(
            "type", .choice(["ReplaceFullPath", "ReplacePrefixMatch"]), required: true,
            "what is replaced"),
        Field("replaceFullPath", .text(.absolutePath), "the new path"),
        Field("replacePrefixMatch", .text(.headerValue), "what stands for the matched prefix"),
    ]

    private static let mirror: [Field] = [
        Field(
            "backendRef", .object(ReferenceShape.backend), required: true, "where the copy goes"),
        Field("percent", .integer(0...100), fallback: "100", "the share that is copied"),
        Field("fraction", .object(fraction), "the share that is copied, as a fraction"),
    ]

    private static let fraction: [Field] = [
        Field("numerator", .integer(0...1_000_000), required: true, "so many"),
        Field("denominator", .integer(1...1_000_000), fallback: "100", "of so many"),
    ]

    /// `backendRef` with weight and filters.
    static let weightedBackend: [Field] =
        ReferenceShape.backend + [
            Field(
                "weight", .integer(0...1_000_000), fallback: "1",
                "its share, relative to the sum of all"),
            Field(
                "filters", .list(.object(filter), atMost: 16),
                "header modifiers for this backend only"),
        ]

    private static let timeouts: [Field] = [
        Field("request", .duration, "of the whole exchange; `0s` for none"),
        Field("backendRequest", .duration, "of one attempt; `0s` for none"),
    ]

    private static let retry: [Field] = [
        Field(
            "codes", .list(.integer(400...599), atMost: 64), "statuses that are tried again"),
        Field("attempts", .integer(0...99), "how often it is tried again"),
        Field("backoff", .duration, "the first pause; doubles each time"),
    ]
}
