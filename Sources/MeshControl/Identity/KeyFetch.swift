// SPDX-License-Identifier: Apache-2.0

import Foundation
import MeshBasics
import MeshIdentity
import MeshModel
import MeshSnapshot
import MeshWire

/// Fetches the public keys of an issuer.
///
/// Nothing but the configuration says where: an issuer's discovery document may name a place on
/// the issuer's own origin and no other, a redirect is an error, and no token is ever looked at
/// here. So nobody outside can make this process ask anybody for anything.
///
/// **Source** OpenID Connect Discovery 1.0 sections 3 and 4; RFC 8414 section 3.3 for the check of
/// `issuer`.
struct KeyFetch: Sendable {
    /// Why there are no keys.
    struct Failure: Error, Sendable {
        /// What happened and what to do.
        let message: String
    }

    private let web: WebClient

    /// Fetches with `web`.
    init(_ web: WebClient) { self.web = web }

    /// The keys of `source`, which is no file.
    func keys(of source: KeySource) async throws(Failure) -> KeySet {
        let url: URLParts
        switch source.place {
        case .file(let path): throw Failure(message: "\(path) is read, not fetched")
        case .url(let text):
            guard let parts = URLParts(text) else {
                throw Failure(message: "\(text) is not a URL that keys can be fetched from")
            }
            url = parts
        case .discovery(let issuer): url = try await discover(issuer, caFile: source.caFile)
        }
        let body = try await fetch(url, caFile: source.caFile)
        do throws(KeySet.Fault) {
            return try KeySet(body.span.bytes)
        } catch {
            throw Failure(message: "\(url.text) is no set of keys: \(error.message)")
        }
    }

    /// Where the discovery document of `issuer` says that its keys are.
    private func discover(
        _ issuer: String, caFile: String?
    ) async throws(Failure) -> URLParts {
        guard var place = URLParts(issuer) else {
            throw Failure(message: "the issuer \(issuer) is no URL; set jwksUri")
        }
        let origin = place
        place.path += "/.well-known/openid-configuration"
        let body = try await fetch(place, caFile: caFile)
        guard
            let tree = try? JSONTree.read(
                body.span.bytes, bytesMax: Self.documentBytesMax)
        else { throw Failure(message: "\(place.text) is not JSON") }
        guard let named = tree["issuer"]?.text, named.utf8.elementsEqual(issuer.utf8) else {
            throw Failure(
                message: "\(place.text) is about another issuer than \(issuer); write the issuer "
                    + "exactly as it stands there")
        }
        guard let text = tree["jwks_uri"]?.text, let keys = URLParts(text) else {
            throw Failure(message: "\(place.text) has no usable jwks_uri; set jwksUri")
        }
        guard keys.isSecure == origin.isSecure, keys.host == origin.host, keys.port == origin.port
        else {
            throw Failure(
                message: "\(place.text) names keys on another origin, \(keys.authority); if that "
                    + "is right, set jwksUri: \(text)")
        }
        return keys
    }

    private func fetch(_ url: URLParts, caFile: String?) async throws(Failure) -> [UInt8] {
        do throws(WebClient.Failure) {
            return try await web.get(url, caFile: caFile, bytesMax: Self.documentBytesMax)
        } catch {
            throw Failure(message: "\(url.text): \(error.message)")
        }
    }

    private static let documentBytesMax = MeshIdentity.Limits.keySetBytesMax
}

extension URLParts {
    /// The URL as text.
    var text: String { "\(isSecure ? "https" : "http")://\(authority)\(path)" }
}
