// SPDX-License-Identifier: Apache-2.0

import NIOHTTP1

/// One whole request as it came from the wire.
struct ReceivedRequest {
    /// Counts requests of this server from 1.
    var number: Int
    /// Counts connections of this server from 1.
    var connection: Int
    /// Method, target and headers.
    var head: HTTPRequestHead
    /// The whole body.
    var body: [UInt8]

    /// The target without its query.
    var path: String { String(head.uri.prefix { $0 != "?" }) }

    /// The value of `name` in the query; nil when it is absent.
    func query(_ name: String) -> String? {
        let query = head.uri.drop { $0 != "?" }.dropFirst()
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2, parts[0] == name { return String(parts[1]) }
        }
        return nil
    }

    /// The body as JSON.
    ///
    /// **Errors**: 400 naming the place where it stops being JSON.
    func json() throws(OpenAIError) -> JSON {
        do {
            return try JSON(parsing: body)
        } catch {
            throw .invalid(
                "We could not parse the JSON body of your request: \(error.message) at byte "
                    + "\(error.offset).")
        }
    }

    /// What `/sim/requests` shows: the beginning of the body, and header names in lower case.
    var memory: JSON {
        var headers: [JSON.Member] = []
        for (name, value) in head.headers {
            let name = name.lowercased()
            if let place = headers.firstIndex(where: { $0.name == name }) {
                let before = headers[place].value.text ?? ""
                headers[place].value = .string("\(before), \(value)")
            } else {
                headers.append(JSON.Member(name: name, value: .string(value)))
            }
        }
        let body = self.body.prefix(Limits.bodyBytesRemembered)
        return [
            "number": .integer(number), "connection": .integer(connection),
            "method": .string(head.method.rawValue), "path": .string(head.uri),
            "headers": .object(headers), "body": .string(String(decoding: body, as: UTF8.self)),
            "body_bytes": .integer(self.body.count),
        ]
    }
}
