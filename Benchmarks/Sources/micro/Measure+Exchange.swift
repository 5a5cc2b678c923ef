// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshExchange
import MeshTelemetry

extension Measure {
    /// What a whole exchange costs without sockets, and what is written about it.
    mutating func exchanges() throws {
        let body = Sample.chat
        let path = ["/v1/chat/completions"]
        var plain = try Drive(SampleSnapshot.plain(), paths: path)
        try run("exchange, plain") { count in
            for _ in 0..<count { try plain.exchange(body, logs: false) }
        }
        var recorded = try Drive(SampleSnapshot.recorded(), paths: path)
        try run("exchange, recorded") { count in
            for _ in 0..<count { try recorded.exchange(body, logs: false) }
        }
        var model = try Drive(SampleSnapshot.model(), paths: path)
        try run("exchange, AI, with access line") { count in
            for _ in 0..<count { try model.exchange(body, logs: true) }
        }
        var limited = try Drive(SampleSnapshot.limited(), paths: path)
        try run("exchange, AI, with three limits") { count in
            for _ in 0..<count { try limited.exchange(body, logs: true) }
        }
        var guarded = try Drive(SampleSnapshot.guarded(), paths: path)
        try run("exchange, AI, with two access rules") { count in
            for _ in 0..<count { try guarded.exchange(body, logs: true) }
        }
        guard guarded.exchange.record.refusal == nil else { throw Broken() }
        guard limited.exchange.record.cost != nil else { throw Broken() }
        guard model.exchange.record.tokens.input == 230 else { throw Broken() }
        try stream(path)
        try telemetry(&model)
    }

    private mutating func stream(_ path: [String]) throws {
        let (body, event) = (Sample.stream, Sample.event)
        let (usage, last) = (Sample.usageEvent, Sample.lastEvents)
        var drive = try Drive(SampleSnapshot.model(), paths: path)
        try drive.openStream(body)
        try run("event of an exchange", bytes: event.count) { count in
            for _ in 0..<count { try drive.pass(event, expecting: .unchanged) }
        }
        try drive.pass(usage, expecting: .replaced)
        try drive.pass(last, expecting: .unchanged)
        try drive.finish(logs: false)
        try run("exchange, AI, stream of 64 events") { count in
            for _ in 0..<count {
                try drive.openStream(body)
                for _ in 0..<64 { try drive.pass(event, expecting: .unchanged) }
                try drive.pass(usage, expecting: .replaced)
                try drive.pass(last, expecting: .unchanged)
                try drive.finish(logs: true)
            }
        }
        guard drive.exchange.record.tokens.output == 64 else { throw Broken() }
    }

    private mutating func telemetry(_ drive: inout Drive) throws {
        try drive.exchange(Sample.chat, logs: false)
        run("access line") { count in
            for _ in 0..<count { drive.log() }
        }
        var metrics = ShardMetrics()
        let route = metrics.routeSeries(route: "default/all", backend: "default/mock")
        let model = metrics.modelSeries(
            operation: "chat", provider: "vllm", requestModel: "mock-model",
            responseModel: "mock-model-1", backend: "default/mock")
        run("metrics of an exchange") { count in
            for _ in 0..<count {
                metrics.record(drive.exchange.record, route: route, model: model)
            }
        }
    }
}
