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
                + "`pinion_refusals_total`. A caller of an OpenAI path gets the OpenAI error "
                + "object, everyone else `application/problem+json` (RFC 9457). Both carry "
                + "`retryable`, `scope` and `request_id`. A caller of gRPC gets the status of "
                + "the last column, with a message.",
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
