// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshWire

/// An event by which a server reports a failure, told to a caller who was given nothing yet.
package enum ReportedFailure {
    /// The contents of the event's `type`, and the failure as the body of an error answer.
    ///
    /// **Shape** what already has an `error` of its own stays as it is. A failed response is
    /// reduced to its error, and the members of an `error` event become one.
    package static func parts(of data: RawSpan) -> (type: [UInt8], document: [UInt8]) {
        guard let event = try? JSONObject(data), let range = event.contents("type", in: data) else {
            return ([], data.array)
        }
        let type = data.extracting(range.range).array
        if let error = event.value("error", in: data), data[error.start] != UInt8(ascii: "n") {
            return (type, data.array)
        }
        var document: [UInt8] = []
        document.append("{\"error\":")
        if let response = event.object("response", in: data),
            let error = response.object("error", in: data)
        {
            document.append(data.extracting(error.range.range))
        } else if event.contents("message", in: data) != nil {
            document.append("{\"type\":\"server_error\"")
            for name: StaticString in ["message", "code", "param"] {
                guard let value = event.value(name, in: data) else { continue }
                document.append(",\"")
                document.append(name)
                document.append("\":")
                document.append(data.extracting(value.range))
            }
            document.append("}")
        } else {
            return (type, data.array)
        }
        document.append("}")
        return (type, document)
    }
}
