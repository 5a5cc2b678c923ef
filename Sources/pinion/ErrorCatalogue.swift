// SPDX-License-Identifier: Apache-2.0

import MeshExchange
import MeshTelemetry

/// The text of `Docs/errors.md`.
enum ErrorCatalogue {
    /// Every code with its status, scope and remedy, in Markdown.
    static func markdown() -> String {
        var lines = [
            "# Errors", "",
            "<!-- Generated from Sources/MeshExchange/Refusal.swift by `make docs`. -->", "",
            "Everything that the mesh itself refuses or fails has one of these codes: in the body "
                + "of the answer, in `error_code` of the access log, and in the label `code` of "
                + "`pinion_refusals_total`. It is told in the shape that the caller's client "
                + "library knows, which it is known by from the path:",
            "",
            "| path | shape | where the code stands |", "| --- | --- | --- |",
            "| of the OpenAI API, or a route to a Model | OpenAI's `error` object | "
                + "`error.code` |",
            "| `/v1/messages` | Anthropic's `error` object | `error.code` |",
            "| `/models/NAME:generateContent` and its like | `google.rpc.Status` | "
                + "`error.details[0].metadata.code` |",
            "| `/v1/chat`, `/v2/chat`, `/v2/embed` | Cohere's `message` | `code` |",
            "| `/model/NAME/converse`, `/model/NAME/invoke` | Bedrock's `message`, "
                + "`x-amzn-errortype` | `code` |",
            "| gRPC | the status of the last column, with a message | |",
            "| any other | `application/problem+json` (RFC 9457) | `code` |",
            "",
            "Beside the code stand `retryable` (whether the same request may succeed later), "
                + "`scope` (whose fault it is) and `request_id`, which `pinion explain` takes.",
            "",
            "| code | status | scope | retryable | gRPC |", "| --- | --- | --- | --- | --- |",
        ]
        for code in Refusal.Code.allCases {
            lines.append(
                "| [`\(code.name)`](#\(code.name)) | \(code.status) | \(code.scope.label) | "
                    + "\(code.isRetryable ? "yes" : "no") | \(Refusal(code).grpcStatus) |")
        }
        for code in Refusal.Code.allCases {
            let summary = code.summary
            lines += [
                "", "## \(code.name)", "",
                summary.prefix(1).uppercased() + summary.dropFirst() + ".",
            ]
        }
        return lines.joined(separator: "\n")
    }
}
