// SPDX-License-Identifier: Apache-2.0

/// The one list of all metrics, in the order of the page.
///
/// Names follow the OpenTelemetry conventions where those have one. The GenAI conventions are
/// still in development, so their names are kept here as data under a version and marked
/// unstable; a change of names is a new version of the table.
package enum MetricCatalogue {
    /// The version of this table; it is a label of `pinion_build_info`.
    package static let version = 1

    /// The conventions that the OpenTelemetry names were taken from: the last release of the
    /// common conventions that holds the GenAI names too.
    package static let schemaURL = "https://opentelemetry.io/schemas/1.41.0"

    /// All metrics in the order of the page: what an operator needs most comes first, since a
    /// page that reaches its bound loses its end.
    package static let all: [Metric] = process + mesh + requests + generations

    static let model = [
        "gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model",
        "gen_ai_response_model", "backend",
    ]
    static let route = ["route", "backend"]

    // MARK: The process

    static let buildInfo = Metric(
        "pinion_build_info", .info, labels: ["version", "metrics_version"],
        help: "Constant 1; the labels name the running version and that of the metric table.")
    static let startTime = Metric(
        "process_start_time_seconds", .gauge, unit: "seconds",
        help: "Start of the process, in seconds since the Unix epoch.")
    static let residentMemory = Metric(
        "process_resident_memory_bytes", .gauge, unit: "bytes",
        help: "Memory of the process that is in RAM.")
    static let cpu = Metric(
        "process_cpu_seconds_total", .counter, unit: "seconds",
        help: "Processor time used by the process, user and system.")
    static let openFiles = Metric(
        "process_open_fds", .gauge, help: "File descriptors that the process holds open.")
    static let snapshotVersion = Metric(
        "pinion_snapshot_version", .gauge,
        help: "Version of the configuration snapshot in use.")
    static let snapshotRejected = Metric(
        "pinion_snapshot_rejected_total", .counter,
        help: "Snapshots refused; the last good one stayed in use.")
    static let snapshotLastSuccess = Metric(
        "pinion_snapshot_last_success_timestamp_seconds", .gauge, unit: "seconds",
        help: "When a snapshot was last taken into use, in seconds since the Unix epoch.")
    static let certificateEnd = Metric(
        "pinion_certificate_expiry_timestamp_seconds", .gauge, unit: "seconds",
        labels: ["certificate"],
        help: "When a certificate that listeners show ends, in seconds since the Unix epoch.")
    static let certificateFailures = Metric(
        "pinion_certificate_failures_total", .counter,
        help: "Certificates, keys and authorities that changed and could not be used; what was "
            + "read before stayed in use.")
    static let process = [
        buildInfo, startTime, residentMemory, cpu, openFiles, snapshotVersion, snapshotRejected,
        snapshotLastSuccess, certificateEnd, certificateFailures,
    ]

    // MARK: The mesh

    static let activeRequests = Metric(
        "pinion_active_requests", .gauge,
        help: "Exchanges between their first byte read and their last byte written.")
    static let connections = Metric(
        "pinion_connections", .gauge, labels: ["side", "state"],
        help: "Open connections by side (downstream, upstream) and state (active, idle).")
    static let connectionsOpened = Metric(
        "pinion_connections_opened_total", .counter, labels: ["side"],
        help: "Connections accepted (downstream) and made (upstream).")
    static let refusals = Metric(
        "pinion_refusals_total", .counter, labels: ["code"],
        help: "What the mesh itself refused or failed, by stable error code.")
    static let attempts = Metric(
        "pinion_upstream_attempts_total", .counter, labels: ["backend", "result"],
        help: "Attempts at upstreams by how they ended.")
    static let retries = Metric(
        "pinion_retries_total", .counter, labels: ["backend", "reason"],
        help: "Requests sent once more, by the reason.")
    static let retryBudgetExhausted = Metric(
        "pinion_retry_budget_exhausted_total", .counter,
        help: "Retries not made because the retry budget was used up.")
    static let endpoints = Metric(
        "pinion_endpoints", .gauge, labels: ["backend", "state"],
        help: "Endpoints by state (healthy, unhealthy, ejected, cooling); the highest that any "
            + "event loop sees.")
    static let ejections = Metric(
        "pinion_endpoint_ejections_total", .counter, labels: ["backend", "reason"],
        help: "Endpoints taken out of the choice, by the reason; each event loop judges alone.")
    static let pressure = Metric(
        "pinion_pressure_level", .gauge,
        help: "How short the process is of memory, descriptors or room for bodies: 0 not at all, "
            + "1 reads slower, 2 sheds, 3 refuses, 4 accepts nothing, 5 cuts unread answers off.")
    static let turnstileRequests = Metric(
        "pinion_turnstile_requests_total", .counter, labels: ["backend", "result"],
        help: "Requests at the turnstile of a backend with an OverloadPolicy: let in at once "
            + "(entered), after a wait (waited), or not, by the reason.")
    static let turnstileStates = Metric(
        "pinion_turnstile_places", .gauge, labels: ["backend", "state"],
        help: "Requests that a backend with an OverloadPolicy may work on at once (limit), works "
            + "on (inside) and has waiting, over all event loops.")
    static let coolDowns = Metric(
        "pinion_cool_downs_total", .counter, labels: ["backend", "reason"],
        help: "Pauses that model servers asked for and got: refused (429), overloaded (503 or 529 "
            + "with Retry-After), used_up (an answer said that nothing is left), unpaid (402).")
    static let passings = Metric(
        "pinion_targets_passed_over_total", .counter, labels: ["backend", "reason"],
        help: "Targets of models that were not asked because they cool down, because their "
            + "circuit is open (broken), or because another request tries it (trial).")
    static let circuits = Metric(
        "pinion_model_circuits_opened_total", .counter, labels: ["backend"],
        help: "Circuits of upstream models that opened after failures in a row; each event loop "
            + "judges alone.")
    static let hedges = Metric(
        "pinion_hedges_total", .counter, labels: ["backend", "outcome"],
        help: "Second attempts beside slow ones, by the backend that was asked second: it answered "
            + "(won), the first did (lost), it failed (failed), the first failed and it went on "
            + "(took_over), or neither answered (abandoned).")
    static let hedgeTokens = Metric(
        "pinion_hedge_tokens_total", .counter, labels: ["backend"],
        help: "Tokens of prompts, by a rough count, that servers of the backend were told in vain "
            + "because another one was asked too.")
    static let limitDecisions = Metric(
        "pinion_limit_decisions_total", .counter, labels: ["policy", "limit", "decision"],
        help: "Requests that a limit let in (admitted), refused, or would have refused were it "
            + "not an audit (audited).")
    static let limitUsage = Metric(
        "pinion_limit_usage_total", .counter, labels: ["policy", "limit", "state"],
        help: "What was taken from a limit before answers (reserved) and used in the end "
            + "(settled): requests, tokens, or trillionths of a unit of currency.")
    static let limitEvictions = Metric(
        "pinion_limit_evictions_total", .counter, labels: ["policy", "limit"],
        help: "Keys that a limit forgot for want of room before their buckets were full again.")
    static let accessDecisions = Metric(
        "pinion_access_decisions_total", .counter, labels: ["policy", "rule", "decision"],
        help: "Requests that a rule of an AccessPolicy (or its default) let pass (allowed), "
            + "refused (denied), or would have refused were it not an audit (audited), and how "
            + "often it could not be evaluated, or its engine gave no answer (failed).")
    static let engineAnswers = Metric(
        "pinion_policy_engine_answers_total", .counter, labels: ["engine", "result"],
        help: "What came of asking a PolicyEngine: allowed, denied, an answer that was kept "
            + "(cached), or why there was none (timeout, unreachable, failed, malformed, busy).")
    static let engineDuration = Metric(
        "pinion_policy_engine_duration_seconds", .histogram, unit: "seconds",
        labels: ["engine"], buckets: .engineDuration,
        help: "How long a request waited for a PolicyEngine, whatever came of it.")
    static let mirror = ["route", "model", "mirror", "mirror_model"]
    static let mirrorCopies = Metric(
        "pinion_mirror_copies_total", .counter, labels: mirror + ["result"],
        help: "Copies for mirrors by what became of them: answered, broken, unreachable, timeout, "
            + "or not sent (busy, barred).")
    static let mirrorPairs = Metric(
        "pinion_mirror_pairs_total", .counter, labels: mirror + ["measure"],
        help: "Pairs of a caller's answer and a mirror's that were compared, by measure; text and "
            + "structure of good answers, values of JSON, tools where any is called.")
    static let mirrorAgreements = Metric(
        "pinion_mirror_agreements_total", .counter, labels: mirror + ["measure"],
        help: "Those of the pairs in which both answers are the same by the measure.")
    static let mirrorGood = Metric(
        "pinion_mirror_good_answers_total", .counter, labels: mirror + ["side"],
        help: "Answers of compared pairs that are whole and no errors, by side: what callers got "
            + "(primary), what the mirror said (mirror).")
    static let mirrorGaps = Metric(
        "pinion_mirror_gaps_total", .counter, labels: mirror + ["reason"],
        help: "Pairs that were not compared whole: an answer is too large, the caller left "
            + "(unfinished), or similarity was not measured (budget, unmeasured).")
    static let mirrorDuration = Metric(
        "pinion_mirror_duration_seconds", .histogram, unit: "seconds",
        labels: mirror + ["side", "until"], buckets: .httpDuration,
        help: "From ordering the copy until answers of compared pairs began (first_byte) or were "
            + "whole (total), for pairs of which both did.")
    static let mirrorTokens = Metric(
        "pinion_mirror_tokens_total", .counter, labels: mirror + ["side", "type"],
        help: "Tokens of compared pairs in which both servers counted them.")
    static let mirrorCost = Metric(
        "pinion_mirror_cost_total", .counter, labels: mirror + ["side"],
        help: "What both answers of compared pairs cost, in units of the currency that both "
            + "prices are in.")
    static let mirrorSimilarity = Metric(
        "pinion_mirror_similarity", .histogram, labels: mirror, buckets: .similarity,
        help: "How much the texts of compared pairs mean the same, by their embeddings: 1 for "
            + "equal.")
    static let identityResults = Metric(
        "pinion_identity_results_total", .counter, labels: ["provider", "result"],
        help: "Requests whose caller an IdentityProvider knows (known), that need no credential "
            + "and have none (nobody), lack one (missing), have a wrong one (refused), or could "
            + "not be judged (unavailable).")
    static let rolloutPhase = Metric(
        "pinion_rollout_phase", .gauge, labels: ["rollout", "phase"],
        help: "1 for the phase that a Rollout is in: Progressing, Paused, Promoted, RolledBack or "
            + "Aborted; Unknown when its state cannot be read.")
    static let rolloutWeight = Metric(
        "pinion_rollout_weight_percent", .gauge, labels: ["rollout"],
        help: "The canary's share of what it and the stable target get.")
    static let rolloutStep = Metric(
        "pinion_rollout_step", .gauge, labels: ["rollout"],
        help: "The step that a Rollout is at, from 1.")
    static let rolloutChanges = Metric(
        "pinion_rollout_changes_total", .counter, labels: ["rollout", "phase"],
        help: "How often a Rollout went over to a phase, or to another step of it.")
    static let rolloutRequests = Metric(
        "pinion_rollout_requests_total", .counter, labels: ["rollout", "arm", "result"],
        help: "Requests that an arm of a Rollout (stable, canary, mirror) was asked, by whether it "
            + "served them as its analysis understands that (served, error).")
    static let rolloutStateFailures = Metric(
        "pinion_rollout_state_failures_total", .counter,
        help: "How often the state of a Rollout could not be read or kept.")
    static let truncations = Metric(
        "pinion_streams_truncated_total", .counter, labels: ["backend"],
        help: "Streams that the upstream ended without their terminal event.")
    static let clientAborts = Metric(
        "pinion_client_aborts_total", .counter,
        help: "Exchanges that the caller left before the end.")
    static let downstreamMalformed = Metric(
        "pinion_downstream_malformed_total", .counter,
        help: "Requests and connections of HTTP/2 that were ended because they break it.")
    static let handshakes = Metric(
        "pinion_tls_handshakes_total", .counter, labels: ["result"],
        help: "TLS handshakes with callers by what became of them: completed, or why not.")
    static let usageMissing = Metric(
        "pinion_usage_missing_total", .counter,
        help: "Exchanges whose upstream did not say how many tokens it used.")
    static let accessLogDropped = Metric(
        "pinion_access_log_dropped_total", .counter,
        help: "Access lines not written because the writer was behind.")
    static let recordingsDropped = Metric(
        "pinion_recordings_dropped_total", .counter,
        help: "Recorded exchanges not written to the file because the disk was behind.")
    static let receiptsDropped = Metric(
        "pinion_residency_receipts_dropped_total", .counter,
        help: "Receipts of labelled data not written because the writer was behind; a line in "
            + "the log tells of the gap.")
    static let seriesDropped = Metric(
        "pinion_metric_series_dropped_total", .counter, labels: ["table"],
        help: "Lookups answered with the series called other because the table of label sets "
            + "was full.")
    static let pageTruncated = Metric(
        "pinion_metrics_page_truncated", .gauge,
        help: "1 when series were left out because the page reached its bound.")
    static let mesh = [
        activeRequests, connections, connectionsOpened, refusals, attempts, retries,
        retryBudgetExhausted, endpoints, ejections, coolDowns, passings, circuits, hedges,
        hedgeTokens, pressure, turnstileRequests, turnstileStates, limitDecisions, limitUsage,
        limitEvictions,
        accessDecisions, engineAnswers, engineDuration, mirrorCopies, mirrorPairs,
        mirrorAgreements, mirrorGood, mirrorGaps, mirrorDuration, mirrorTokens, mirrorCost,
        mirrorSimilarity, identityResults, rolloutPhase, rolloutWeight, rolloutStep,
        rolloutChanges, rolloutRequests, rolloutStateFailures, truncations,
        clientAborts, downstreamMalformed, handshakes, usageMissing, accessLogDropped,
        recordingsDropped, receiptsDropped,
        seriesDropped, pageTruncated,
    ]

    // MARK: Requests

    static let requestsTotal = Metric(
        "pinion_requests_total", .counter, labels: route + ["code", "error_code"],
        help: "Exchanges by the status sent and, when the mesh refused, its error code.")
    static let requestBytes = Metric(
        "pinion_request_bytes_total", .counter, unit: "bytes", labels: route,
        help: "Bytes received from callers.")
    static let responseBytes = Metric(
        "pinion_response_bytes_total", .counter, unit: "bytes", labels: route,
        help: "Bytes sent to callers.")
    static let requestDuration = Metric(
        "http_server_request_duration_seconds", .histogram, unit: "seconds",
        labels: route + ["code_class"], buckets: .httpDuration,
        otel: "http.server.request.duration",
        help: "From the first byte of the request read to the last byte of the answer written.")
    static let requests = [requestsTotal, requestBytes, responseBytes, requestDuration]

    // MARK: Generations

    static let tokens = Metric(
        "pinion_tokens_total", .counter, labels: ["type"] + model,
        help: "Tokens as the upstream counted them. Cached ones are part of input, reasoning "
            + "ones part of output.")
    static let cost = Metric(
        "pinion_cost_total", .counter, labels: ["currency"] + model,
        help: "What the tokens of answers cost, in units of the currency, by the prices of the "
            + "Model resources.")
    static let modelDuration = Metric(
        "gen_ai_server_request_duration_seconds", .histogram, unit: "seconds",
        labels: model + ["error_type"], .unstable, buckets: .generationDuration,
        otel: "gen_ai.server.request.duration",
        help: "Duration of a whole generation, to its last byte.")
    static let firstToken = Metric(
        "gen_ai_server_time_to_first_token_seconds", .histogram, unit: "seconds", labels: model,
        .unstable, buckets: .timeToFirstToken, otel: "gen_ai.server.time_to_first_token",
        help: "Wait for the first token of successful generations.")
    static let tokenTime = Metric(
        "gen_ai_server_time_per_output_token_seconds", .histogram, unit: "seconds",
        labels: model, .unstable, buckets: .timePerOutputToken,
        otel: "gen_ai.server.time_per_output_token",
        help: "Time for each token after the first of successful generations.")
    static let tokenUsage = Metric(
        "gen_ai_client_token_usage", .histogram, labels: ["gen_ai_token_type"] + model,
        .unstable, buckets: .tokenUsage, otel: "gen_ai.client.token.usage",
        help: "Tokens of one request.")
    static let generations = [tokens, cost, modelDuration, firstToken, tokenTime, tokenUsage]
}
