// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshTelemetry

/// One number for everything that a run recorded, in order: two runs that differ in anything
/// that anybody could see differ in it.
struct Digest {
    /// The number so far.
    private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    /// Takes one number in.
    mutating func add(_ number: UInt64) {
        value = StableHash.mix(value ^ number) &+ 0x9E37_79B9_7F4A_7C15
    }

    /// Takes a number in.
    mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }

    /// Takes text in.
    mutating func add(_ text: String?) { add(text.map { StableHash.of(utf8: $0) } ?? 1) }

    /// Takes in whatever a record says.
    mutating func add(_ record: borrowing ExchangeRecord) {
        add(record.requestID.high)
        add(record.requestID.low)
        for part in [record.trace.traceHigh, record.trace.traceLow, record.trace.span] {
            add(part)
        }
        add(record.started.nanoseconds)
        add(UInt64(bitPattern: record.total.rawValue))
        for part in [record.connect, record.firstByte, record.firstToken] {
            add(part.map { UInt64(bitPattern: $0.rawValue) } ?? 3)
        }
        add(record.bytesIn)
        add(record.bytesOut)
        add(record.snapshot)
        for count in [
            record.tokens.input, record.tokens.output, record.tokens.cachedInput,
            record.tokens.reasoningOutput, record.cost?.trillionths,
        ] {
            add(count ?? .max)
        }
        for text in [
            record.route, record.backend, record.endpoint, record.model, record.upstreamModel,
            record.limit, record.accessRule, record.operation.map { "\($0)" },
            record.refusal.map { "\($0)" },
        ] {
            add(text)
        }
        add(record.fault.map { Int($0.rawValue) } ?? -1)
        add(
            UInt64(record.status) << 32 | UInt64(record.attempts) << 8
                | UInt64(record.flags.rawValue))
    }
}
