// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshSimulator
import NIOCore

/// What the server counts beside its engine.
struct ServerCounters {
    var connections = 0
    var requests = 0
    var activeGenerations = 0
    /// Generations whose client left before the end, or that a fault broke.
    var cancelled = 0
    /// Faults that struck.
    var faults = 0
    /// Tokens revealed by an interval of their own, which the engine does not count.
    var pacedTokens = 0
}

/// A histogram in the manner of Prometheus.
struct Histogram {
    let bounds: [Double]
    private(set) var counts: [Int]
    private(set) var sum = 0.0

    init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Counts one observation.
    mutating func record(_ time: TimeAmount) {
        let seconds = Double(time.nanoseconds) / 1e9
        sum += seconds
        counts[bounds.firstIndex { seconds <= $0 } ?? bounds.count] += 1
    }
}

/// The times the server measures, with the buckets vLLM uses.
struct ServerMetrics {
    var firstToken = Histogram([
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20,
        40, 80, 160, 640, 2560,
    ])
    var interToken = Histogram([
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40,
        80,
    ])
    var whole = Histogram([
        0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920,
        7680,
    ])
}

/// Writes the Prometheus text exposition format, version 0.0.4.
struct MetricsPage {
    private(set) var text = ""
    /// Labels of every vLLM sample, without braces.
    let labels: String

    init(model: String) {
        let escaped = model.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
        labels = "engine=\"0\",model_name=\"\(escaped)\""
    }

    /// A family with one sample.
    mutating func sample(_ name: String, _ kind: String, _ help: String, _ value: Double) {
        head(name, kind, help)
        text += "\(name){\(labels)} \(value)\n"
    }

    /// A family with a sample for each value of one more label.
    mutating func samples(
        _ name: String, _ kind: String, _ help: String, label: String, _ values: [(String, Int)]
    ) {
        head(name, kind, help)
        for (value, count) in values {
            text += "\(name){\(labels),\(label)=\"\(value)\"} \(Double(count))\n"
        }
    }

    /// A family whose one sample carries facts as labels.
    mutating func info(_ name: String, _ help: String, _ facts: [(String, String)]) {
        head(name, "gauge", help)
        let labels = facts.map { "\($0.0)=\"\($0.1)\"" }.joined(separator: ",")
        text += "\(name){\(labels)} 1.0\n"
    }

    /// A histogram family.
    mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        head(name, "histogram", help)
        var total = 0
        for (place, bound) in histogram.bounds.enumerated() {
            total += histogram.counts[place]
            text += "\(name)_bucket{\(labels),le=\"\(bound)\"} \(Double(total))\n"
        }
        total += histogram.counts[histogram.bounds.count]
        text += "\(name)_bucket{\(labels),le=\"+Inf\"} \(Double(total))\n"
        text += "\(name)_count{\(labels)} \(Double(total))\n"
        text += "\(name)_sum{\(labels)} \(histogram.sum)\n"
    }

    private mutating func head(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    }
}

extension ModelServerWorld {
    /// The page of `/metrics`, in the names of vLLM and a few of our own.
    func metricsPage() -> String {
        let stats = engine.stats
        var page = MetricsPage(model: options.models.first ?? "")
        func gauge(_ name: String, _ help: String, _ value: Double) {
            page.sample(name, "gauge", help, value)
        }
        func counter(_ name: String, _ help: String, _ value: Int) {
            page.sample(name, "counter", help, Double(value))
        }
        gauge("vllm:num_requests_running", "Requests in the batch.", Double(stats.running))
        gauge("vllm:num_requests_waiting", "Requests that wait.", Double(stats.waiting))
        gauge("vllm:kv_cache_usage_perc", "Use of the KV cache, 0 to 1.", stats.cacheUse)
        counter("vllm:prefix_cache_queries_total", "Tokens looked up.", stats.prefixQueries)
        counter("vllm:prefix_cache_hits_total", "Tokens found.", stats.prefixHits)
        counter("vllm:num_preemptions_total", "Preemptions.", stats.preemptions)
        counter("vllm:prompt_tokens_total", "Prompt tokens.", stats.promptTokens)
        let generated = stats.generatedTokens + counters.pacedTokens
        counter("vllm:generation_tokens_total", "Tokens generated.", generated)
        page.samples(
            "vllm:request_success_total", "counter", "Requests that ended well.",
            label: "finished_reason",
            [("stop", stats.finishedStop), ("length", stats.finishedLength), ("abort", 0)])
        page.histogram(
            "vllm:time_to_first_token_seconds", "Time to the first token.", metrics.firstToken)
        page.histogram(
            "vllm:inter_token_latency_seconds", "Time between tokens.", metrics.interToken)
        page.histogram("vllm:e2e_request_latency_seconds", "Time of requests.", metrics.whole)
        page.info(
            "vllm:cache_config_info", "Shape of the KV cache.",
            [
                ("block_size", "\(options.profile.blockTokens)"),
                ("enable_prefix_caching", "True"), ("engine", "0"),
                ("num_gpu_blocks", "\(stats.blocks)"),
            ])
        counter("pinion_model_server_requests_total", "Requests.", counters.requests)
        counter(
            "pinion_model_server_cancelled_total", "Answers whose client left.",
            counters.cancelled)
        counter("pinion_model_server_faults_total", "Faults that struck.", counters.faults)
        gauge(
            "pinion_model_server_connections", "Open connections.", Double(connections.count))
        return page.text
    }
}
