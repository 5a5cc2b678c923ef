// SPDX-License-Identifier: Apache-2.0

/// What the text of a field must look like.
///
/// Each format is written twice: as a pattern for the JSON Schema and as a function for us,
/// because a general pattern matcher would cost more than all the rest of the parser. A test
/// compares the two.
package enum Format: String, Sendable, Hashable, CaseIterable {
    /// A DNS label: `chat`, at most 63 characters.
    case label
    /// A DNS name of one or more labels: `chat.team-a`, at most 253 characters.
    case subdomain
    /// An API group; empty for the core of Kubernetes.
    case group
    /// A hostname, its first label may be `*`: `*.example.com`.
    case hostname
    /// A hostname without wildcard: `example.com`.
    case preciseHostname
    /// The name of a header field.
    case headerName
    /// The value of a header field.
    case headerValue
    /// A path that starts with a slash.
    case absolutePath
    /// A duration after GEP-2257: `1h30m`, `250ms`.
    case duration
    /// A time after RFC 3339: `2026-01-31T12:00:00Z`.
    case timestamp
    /// An IPv4 or IPv6 address.
    case ipAddress
    /// An IPv4 or IPv6 address, or `localhost`.
    case endpointAddress
    /// `http://` or `https://`, a host, perhaps a port and a path.
    case url
    /// One status or a range: `204`, `200-299`.
    case statusRange
    /// The name of an environment variable.
    case environmentName
    /// The code of a currency: `USD`.
    case currency
    /// What a limit counts apart: `global`, `identity`, `source`, `model` or `header:NAME`.
    case limitKey
    /// A condition in CEL, on one line or several.
    case expression
    /// Any text that is not empty and has no control characters.
    case line

    /// A pattern for the same, in the syntax of JSON Schema (ECMA 262).
    package var pattern: String {
        let label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
        let ipv4 = #"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"#
        return switch self {
        case .label: "^\(label)$"
        case .subdomain, .preciseHostname: #"^\#(label)(\.\#(label))*$"#
        case .group: #"^(\#(label)(\.\#(label))*)?$"#
        case .hostname: #"^(\*\.)?\#(label)(\.\#(label))*$"#
        case .headerName: "^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$"
        case .headerValue: #"^[^\u0000-\u0008\u000a-\u001f\u007f]*$"#
        case .absolutePath: #"^/[^\u0000-\u0020\u007f]*$"#
        case .duration: "^([0-9]{1,5}(h|m|s|ms)){1,4}$"
        case .timestamp:
            #"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"#
        case .ipAddress: "^(\(ipv4)|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$"
        case .endpointAddress: "^(localhost|\(ipv4)|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$"
        case .url: #"^https?://[^\u0000-\u0020/?#@]+(/[^\u0000-\u0020?#]*)?$"#
        case .statusRange: "^[1-5][0-9]{2}(-[1-5][0-9]{2})?$"
        case .environmentName: "^[A-Za-z_][A-Za-z0-9_]*$"
        case .currency: "^[A-Z]{3}$"
        case .limitKey: "^(global|source|model|identity|header:[A-Za-z0-9!#$%&'*+\\-.^_`|~]+)$"
        case .expression: #"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]+$"#
        case .line: #"^[^\u0000-\u001f\u007f]+$"#
        }
    }

    /// The most characters.
    package var lengthMax: Int {
        switch self {
        case .label: 63
        case .subdomain, .group, .hostname, .preciseHostname: 253
        case .headerName: 256
        case .currency: 3
        case .limitKey: 263
        case .expression: 16_384
        case .headerValue: 4096
        case .absolutePath, .line: 1024
        case .duration: 32
        case .timestamp: 64
        case .ipAddress, .endpointAddress: 45
        case .url: 2048
        case .statusRange: 7
        case .environmentName: 256
        }
    }

    /// What it is called in messages: `a duration`.
    package var title: String {
        switch self {
        case .label: "a DNS label"
        case .subdomain: "a DNS name"
        case .group: "an API group"
        case .hostname: "a hostname"
        case .preciseHostname: "a hostname without wildcard"
        case .headerName: "a header name"
        case .headerValue: "a header value"
        case .absolutePath: "a path"
        case .duration: "a duration"
        case .timestamp: "a time"
        case .ipAddress: "an IP address"
        case .endpointAddress: "an IP address or `localhost`"
        case .url: "a URL"
        case .statusRange: "a status or a range of statuses"
        case .environmentName: "the name of an environment variable"
        case .currency: "the code of a currency"
        case .limitKey: "something that can be counted apart"
        case .expression: "a condition in CEL"
        case .line: "a line of text"
        }
    }

    /// What to write instead of something that does not fit.
    package var remedy: String {
        switch self {
        case .label: "write at most 63 lower-case letters, digits and dashes: `chat-1`"
        case .subdomain: "write lower-case letters, digits, dashes and dots: `chat.team-a`"
        case .group: "write it like `pinion.dev`"
        case .hostname:
            "write a lower-case hostname without port, the first label may be `*`: `*.example.com`"
        case .preciseHostname: "write a lower-case hostname without port: `api.example.com`"
        case .headerName: "write letters, digits and dashes: `x-team`"
        case .headerValue: "leave out line breaks and control characters"
        case .absolutePath: "start it with `/`, without blanks: `/health`"
        case .duration: "write numbers of at most five digits with a unit: `250ms`, `10s`, `1h30m`"
        case .timestamp: "write it like `2026-01-31T12:00:00Z`"
        case .ipAddress: "write it like `127.0.0.1` or `::1`"
        case .endpointAddress:
            "write it like `10.0.0.1` or `::1`, or use `dns` or `url` for a name"
        case .url: "write it like `https://api.example.com/v1`"
        case .statusRange: "write it like `200-299`"
        case .environmentName: "write it like `OPENAI_API_KEY`"
        case .currency: "write three capital letters: `USD`"
        case .limitKey: "write `global`, `identity`, `source`, `model` or `header:NAME`"
        case .expression: "write it like `request.headers['x-team'] == 'search'`"
        case .line: "write at least one character and no control characters"
        }
    }
}
