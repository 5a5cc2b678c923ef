// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import GRPCNIOTransportCore
import GRPCNIOTransportHTTP2Posix
package import MeshEngines
package import MeshProxy
import Synchronization

/// Answers the questions of Envoys and others: serves `Authorization/Check` over gRPC.
package struct ExtAuthzServer: CheckServer {
    /// A server that listens nowhere yet.
    package init() {}

    /// Serves in cleartext: the port belongs on loopback, or where only the asking proxy gets.
    package func listen(
        on descriptor: Int32,
        judge: @escaping @Sendable (AskedRequest) async -> CheckVerdict
    ) async throws -> any CheckListener {
        let transport = HTTP2ServerTransport.Posix(
            listeningSocketDescriptor: Int(descriptor), transportSecurity: .plaintext,
            config: .defaults { config in
                // A body that is sent along stands in the message.
                config.rpc.maxRequestPayloadSize = Self.messageBytesMax
                config.channelDebuggingCallbacks = .init(
                    onBindTCPListener: nil,
                    onAcceptTCPConnection: { PingAbsorber.add(to: $0, isServer: true) },
                    onAcceptHTTP2Stream: nil)
            })
        let server = GRPCServer(transport: transport, services: [CheckService(judge: judge)])
        let serving = Task { try await server.serve() }
        do {
            _ = try await transport.listeningAddress
        } catch {
            // Why it could not be served is what serving ended with.
            serving.cancel()
            try await serving.value
            throw error
        }
        return OpenListener(server: server, serving: serving)
    }

    /// Bytes of one question: as much as the mesh collects of a body by default, and a head.
    static let messageBytesMax = 17 * 1024 * 1024
}

/// A server that runs.
private struct OpenListener: CheckListener {
    let server: GRPCServer<HTTP2ServerTransport.Posix>
    let serving: Task<Void, any Error>

    func close() async {
        server.beginGracefulShutdown()
        // Peers that keep their connection are not waited for long.
        let impatience = Task {
            try await Task.sleep(for: .seconds(2))
            serving.cancel()
        }
        _ = try? await serving.value
        impatience.cancel()
    }
}

/// `envoy.service.auth.v3.Authorization`.
private struct CheckService: RegistrableRPCService {
    let judge: @Sendable (AskedRequest) async -> CheckVerdict

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: .check,
            deserializer: ProtobufReader<Envoy_Service_Auth_V3_CheckRequest>(),
            serializer: ProtobufWriter<Envoy_Service_Auth_V3_CheckResponse>()
        ) { request, _ in
            let single = try await ServerRequest(stream: request)
            let asked = try CheckMessages.asked(single.message)
            let verdict = await judge(asked)
            return StreamingServerResponse(
                single: ServerResponse(message: CheckMessages.response(verdict)))
        }
    }
}
