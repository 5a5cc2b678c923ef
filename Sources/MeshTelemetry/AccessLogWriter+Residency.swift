// SPDX-License-Identifier: Apache-2.0

extension AccessLogWriter {
    /// The most bytes that `receipt` takes in a line.
    static func bytes(of receipt: ResidencyReceipt?) -> Int {
        guard let receipt else { return 0 }
        let texts = receipt.labels.count + receipt.policies.count + receipt.hops.count * 6
        return texts * (6 * Limits.receiptTextBytes + 32) + receipt.hops.count * 64 + 64
    }

    /// The member `residency`: where labelled data went.
    static func writeResidency(
        _ record: borrowing ExchangeRecord, to sink: inout LineSink
    ) {
        guard let receipt = record.residency else { return }
        sink.literal(",\"residency\":{\"labels\":[")
        write(receipt.labels, to: &sink)
        sink.literal("],\"policies\":[")
        write(receipt.policies, to: &sink)
        sink.literal("],\"hops\":[")
        for (number, hop) in receipt.hops.enumerated() {
            if number > 0 { sink.literal(",") }
            sink.word("{\"kind\":\"", hop.kind.label)
            write(",\"backend\":\"", hop.backend, to: &sink)
            write(",\"endpoint\":\"", hop.endpoint, to: &sink)
            write(",\"region\":\"", hop.region, to: &sink)
            write(",\"jurisdiction\":\"", hop.jurisdiction, to: &sink)
            write(",\"provider\":\"", hop.provider, to: &sink)
            write(",\"attestation\":\"", hop.attestation, to: &sink)
            sink.literal(hop.wasSent ? ",\"sent\":true}" : ",\"sent\":false}")
        }
        sink.literal("]}")
    }

    private static func write(_ names: [String], to sink: inout LineSink) {
        for (number, name) in names.enumerated() {
            write(number == 0 ? "\"" : ",\"", name, to: &sink)
        }
    }

    private static func write(_ key: StaticString, _ value: String?, to sink: inout LineSink) {
        guard let value else { return }
        let characters = value.utf8Span
        unsafe sink.text(key, characters.span.bytes, limit: Limits.receiptTextBytes)
    }
}
