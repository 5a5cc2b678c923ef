// SPDX-License-Identifier: Apache-2.0

package import MeshBasics
package import MeshSnapshot

/// What a driver is to ask of an engine, ready to be sent.
///
/// An object, because it is in every step of an exchange and in most of them nil.
package final class EngineQuestion: Sendable {
    /// Who is asked.
    package let engine: PolicyEngine
    /// What is sent.
    package let form: Form

    /// What is sent, by the protocol.
    package enum Form: Sendable {
        /// A request of HTTP/1.1.
        case http(HTTPQuestion)
        /// A call of `Check`.
        case check(CheckQuestion)
    }

    /// The question `form` for `engine`.
    package init(_ engine: PolicyEngine, _ form: Form) {
        self.engine = engine
        self.form = form
    }
}

/// A question as a request of HTTP/1.1.
package struct HTTPQuestion: Sendable {
    /// The method.
    package var method: [UInt8]
    /// The path with the query.
    package var target: [UInt8]
    /// The `Host` to be sent; nil for that of the endpoint.
    package var host: [UInt8]?
    /// Complete field lines, without `Host`, framing and `Connection`.
    package var fields: [UInt8]
    /// The credential of the engine's own, as a field line; nil when it has none.
    package var credential: Secret<[UInt8]>?
    /// The payload; nil when the request has none and no framing.
    package var body: [UInt8]?

    /// A question of the given parts.
    package init(
        method: [UInt8], target: [UInt8], host: [UInt8]?, fields: [UInt8],
        credential: Secret<[UInt8]>? = nil, body: [UInt8]?
    ) {
        self.method = method
        self.target = target
        self.host = host
        self.fields = fields
        self.credential = credential
        self.body = body
    }

    /// The bytes to send to an endpoint that is known as `authority`.
    package func bytes(authority: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256 + fields.count + (body?.count ?? 0))
        out.append(contentsOf: method)
        out.append(UInt8(ascii: " "))
        out.append(contentsOf: target)
        out.append(" HTTP/1.1\r\nhost: ")
        out.append(contentsOf: host ?? authority)
        out.append("\r\n")
        out.append(contentsOf: fields)
        if let credential { out.append(contentsOf: credential.reveal()) }
        out.append("content-length: ")
        out.appendDecimal(body?.count ?? 0)
        out.append("\r\n\r\n")
        if let body { out.append(contentsOf: body) }
        return out
    }
}

/// A question as `envoy.service.auth.v3.CheckRequest` has it.
package struct CheckQuestion: Hashable, Sendable {
    /// A field of a head; names in lower case.
    package struct Field: Hashable, Sendable {
        /// The name.
        package var name: String
        /// The value.
        package var value: String

        /// `value` under `name`.
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The caller's address, and its port when that is known.
    package var source = Peer()
    /// Where the request was listened for.
    package var destination = Peer()
    /// When it came.
    package var time = WallTime(nanoseconds: 0)
    /// What the mesh calls it.
    package var id = ""
    /// Its method.
    package var method = ""
    /// Its path with the query.
    package var path = ""
    /// Its host as it was written.
    package var host = ""
    /// `http` or `https`.
    package var scheme = "http"
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`, as the caller speaks.
    package var version = "HTTP/1.1"
    /// Bytes of its body; -1 when the head does not say.
    package var size: Int64 = -1
    /// Its fields; several of one name are one, joined.
    package var headers: [Field] = []
    /// What else the engine is told, by the names of facts.
    package var context: [Field] = []
    /// The credential of the engine's own, as metadata of the call.
    package var credential: Credential?

    /// One side of a connection.
    package struct Peer: Hashable, Sendable {
        /// The address as text; empty when it is not known.
        package var address = ""
        /// The port; 0 when it is not known.
        package var port: UInt16 = 0
        /// Who it is, as `spiffe://…`; empty when that is not known.
        package var principal = ""

        /// Nobody yet.
        package init() {}
    }

    /// A credential for the metadata of a call.
    package struct Credential: Hashable, Sendable {
        /// The key, in lower case.
        package var name: String
        /// The value.
        package var value: Secret<String>

        /// `value` under `name`.
        package init(name: String, value: Secret<String>) {
            self.name = name
            self.value = value
        }
    }

    /// A question that says nothing yet.
    package init() {}
}
