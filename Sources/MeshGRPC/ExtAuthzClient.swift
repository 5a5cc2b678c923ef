// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import GRPCNIOTransportHTTP2Posix
package import MeshBasics
package import MeshEngines
package import MeshProxy
import MeshSnapshot
import NIOCore
import Synchronization

/// Asks policy engines over gRPC: Envoy's `Authorization/Check`.
///
/// One connection to each place where an engine is reached, made when the first question goes
/// there: whoever has no such engine has no thread, no socket and no memory of it.
package final class ExtAuthzClient: CheckClient {
    private let channels = Mutex<[CheckPlace: EngineChannel]>([:])

    /// A client without connections.
    package init() {}

    /// Asks on the connection to `place`, which is made if there is none.
    package func check(
        _ question: CheckQuestion, at place: CheckPlace, within timeout: Nanoseconds,
        done: @escaping @Sendable (EngineOutcome) -> Void
    ) -> any CheckCall {
        guard let channel = channel(to: place) else {
            done(.failed(.unreachable))
            return RunningCheck(task: nil)
        }
        let task = Task {
            let outcome = await channel.check(question, within: timeout)
            if !Task.isCancelled { done(outcome) }
        }
        return RunningCheck(task: task)
    }

    /// Closes the connections to all other places.
    package func keepOnly(_ places: [CheckPlace]) {
        let gone = channels.withLock { channels in
            let gone = channels.filter { !places.contains($0.key) }
            for place in gone.keys { channels[place] = nil }
            return gone
        }
        for channel in gone.values { channel.close() }
    }

    /// Closes all connections.
    package func stop() async {
        let all = channels.withLock { channels in
            defer { channels = [:] }
            return channels
        }
        for channel in all.values {
            channel.close()
            await channel.closed()
        }
    }

    private func channel(to place: CheckPlace) -> EngineChannel? {
        channels.withLock { channels in
            if let known = channels[place] { return known }
            let made = try? EngineChannel(place)
            channels[place] = made
            return made
        }
    }
}

/// A call that runs as a task.
private struct RunningCheck: CheckCall {
    let task: Task<Void, Never>?

    func cancel() { task?.cancel() }
}

/// The connection to one place.
private final class EngineChannel: Sendable {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    private let running: Task<Void, Never>

    init(_ place: CheckPlace) throws {
        let target: any ResolvableTarget =
            place.address.contains(":")
            ? .ipv6(address: place.address, port: Int(place.port))
            : .ipv4(address: place.address, port: Int(place.port))
        let transport = try HTTP2ClientTransport.Posix(
            target: target, transportSecurity: Self.security(place.tls),
            config: .defaults { config in
                config.http2.authority = place.authority ?? place.tls?.serverName
                // An engine that comes back should be asked again soon.
                config.backoff = .init(
                    initial: .milliseconds(50), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
                // Requests wait for the answer: nothing is gained by gathering writes.
                config.connection.flushCoalescing = nil
                config.channelDebuggingCallbacks = .init(
                    onCreateTCPConnection: { PingAbsorber.add(to: $0, isServer: false) },
                    onCreateHTTP2Stream: nil)
            })
        let client = GRPCClient(transport: transport)
        self.client = client
        running = Task { try? await client.runConnections() }
    }

    private static func security(
        _ tls: UpstreamTLS?
    ) -> HTTP2ClientTransport.Posix.TransportSecurity {
        guard let tls else { return .plaintext }
        return .tls { config in
            if let file = tls.caFile {
                config.trustRoots = .certificates([.file(path: file, format: .pem)])
            }
        }
    }

    /// What the engine says to `question`.
    func check(_ question: CheckQuestion, within timeout: Nanoseconds) async -> EngineOutcome {
        var options = CallOptions.defaults
        options.timeout = .nanoseconds(timeout.rawValue)
        options.waitForReady = false
        options.maxResponseMessageBytes = Limits.answerBytes
        var metadata = Metadata()
        if let credential = question.credential {
            metadata.addString(credential.value.reveal(), forKey: credential.name)
        }
        let request = ClientRequest(
            message: CheckMessages.request(question), metadata: metadata)
        do {
            return try await client.unary(
                request: request, descriptor: .check,
                serializer: ProtobufWriter<Envoy_Service_Auth_V3_CheckRequest>(),
                deserializer: ProtobufReader<Envoy_Service_Auth_V3_CheckResponse>(),
                options: options
            ) { response in
                CheckMessages.outcome(try response.message)
            }
        } catch let error as RPCError {
            switch error.code {
            case .deadlineExceeded: return .failed(.timeout)
            case .unavailable, .cancelled: return .failed(.unreachable)
            default: return .failed(.failed)
            }
        } catch {
            return .failed(.malformed)
        }
    }

    func close() { client.beginGracefulShutdown() }

    func closed() async {
        running.cancel()
        await running.value
    }
}
