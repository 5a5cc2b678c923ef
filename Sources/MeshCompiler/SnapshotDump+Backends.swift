// SPDX-License-Identifier: Apache-2.0

import MeshBasics
import MeshModel
import MeshSnapshot

extension SnapshotDump {
    /// One backend with its endpoints.
    func backend(_ backend: Backend) -> JSONText {
        var members: [JSONText.Member] = [
            .init("name", .text(backend.name)),
            .init("dialect", .text(backend.dialect == .openAI ? "OpenAI" : "HTTP")),
        ]
        if !backend.provider.isEmpty {
            members.append(.init("provider", .text(backend.provider)))
        }
        let run = Int(backend.endpoints.lowerBound)..<Int(backend.endpoints.upperBound)
        members.append(.init("endpoints", .list(snapshot.endpoints[run].map(endpoint))))
        if backend.balancing != .peakEWMA {
            members.append(.init("balancing", balancing(backend.balancing)))
        }
        if let check = backend.healthCheck {
            members.append(.init("healthCheck", healthCheck(check)))
        }
        if backend.outlier != OutlierPolicy() {
            members.append(.init("outlier", backend.outlier.map(outlier) ?? .null))
        }
        if backend.coolDown != CoolDownPolicy() {
            members.append(.init("coolDown", backend.coolDown.map(coolDown) ?? .null))
        }
        if let locality = backend.locality {
            members.append(
                .init(
                    "locality",
                    .object([
                        .init(
                            "overprovisioningPercent", .number(locality.overprovisioningPercent)),
                        .init("spillRequests", .number(locality.spillRequests)),
                    ])))
        }
        if backend.slowStart > .zero {
            members.append(.init("slowStartNanoseconds", duration(backend.slowStart)))
        }
        if backend.version == .http2 { members.append(.init("appProtocol", .text("http2"))) }
        if let tls = backend.tls {
            var parts: [JSONText.Member] = [.init("serverName", .text(tls.serverName))]
            if let file = tls.caFile { parts.append(.init("caFile", .text(file))) }
            parts += more(of: tls)
            members.append(.init("tls", .object(parts)))
        }
        if !backend.pathStrip.isEmpty {
            members.append(.init("pathStrip", text(backend.pathStrip)))
        }
        if !backend.pathPrefix.isEmpty {
            members.append(.init("pathPrefix", text(backend.pathPrefix)))
        }
        if let host = backend.hostHeader { members.append(.init("hostHeader", text(host))) }
        members += ids(access: backend.access)
        if backend.overload >= 0 {
            let name = snapshot.overload[Int(backend.overload)].name
            members.append(.init("overloadPolicy", .text(name)))
        }
        if let credential = backend.credential {
            members.append(.init("credential", self.credential(credential)))
        }
        if backend.connections != ConnectionPoolPolicy() {
            members.append(
                .init(
                    "connections",
                    .object([
                        .init("idleMax", .number(backend.connections.idleMax)),
                        .init(
                            "idleTimeoutNanoseconds", duration(backend.connections.idleTimeout)),
                    ])))
        }
        return .object(members)
    }

    private func endpoint(_ endpoint: Endpoint) -> JSONText {
        var members: [JSONText.Member] = [.init("address", .text(endpoint.authority))]
        if endpoint.weight != 1 { members.append(.init("weight", .number(endpoint.weight))) }
        if endpoint.tier != 0 { members.append(.init("tier", .number(Int(endpoint.tier)))) }
        if !endpoint.labels.isEmpty {
            let labels = endpoint.labels.map { JSONText.Member($0.key, .text($0.value)) }
            members.append(.init("labels", .object(labels)))
        }
        if let attestation = endpoint.attestation {
            members.append(.init("attestation", self.attestation(attestation)))
        }
        return .object(members)
    }

    private func balancing(_ balancing: Balancing) -> JSONText {
        switch balancing {
        case .peakEWMA: .text("PeakEWMA")
        case .leastRequest: .text("LeastRequest")
        case .roundRobin: .text("RoundRobin")
        case .ringHash(let header): .object([.init("RingHash", text(header))])
        }
    }

    private func healthCheck(_ check: HealthCheck) -> JSONText {
        let statuses = check.expectedStatuses
        return .object([
            .init("path", text(check.path)),
            .init("intervalNanoseconds", duration(check.interval)),
            .init("timeoutNanoseconds", duration(check.timeout)),
            .init("healthyThreshold", .number(check.healthyThreshold)),
            .init("unhealthyThreshold", .number(check.unhealthyThreshold)),
            .init(
                "expectedStatuses",
                .list([.number(statuses.lowerBound), .number(statuses.upperBound)])),
        ])
    }

    private func outlier(_ policy: OutlierPolicy) -> JSONText {
        .object([
            .init("consecutiveFailures", .number(policy.consecutiveFailures)),
            .init("successRatePercentMin", .number(policy.successRatePercentMin)),
            .init("successRateRequestsMin", .number(policy.successRateRequestsMin)),
            .init("latencyPercentMax", .number(policy.latencyPercentMax)),
            .init("latencyRequestsMin", .number(policy.latencyRequestsMin)),
            .init("intervalNanoseconds", duration(policy.interval)),
            .init("baseEjectionTimeNanoseconds", duration(policy.baseEjectionTime)),
            .init("ejectionTimeMaxNanoseconds", duration(policy.ejectionTimeMax)),
            .init("ejectedPercentMax", .number(policy.ejectedPercentMax)),
            .init("panicPercent", .number(policy.panicPercent)),
        ])
    }

    private func coolDown(_ policy: CoolDownPolicy) -> JSONText {
        let scope =
            switch policy.scope {
            case nil: "Auto"
            case .endpoint: "Endpoint"
            case .model: "Model"
            case .backend: "Backend"
            }
        return .object([
            .init("baseNanoseconds", duration(policy.base)),
            .init("maxNanoseconds", duration(policy.longest)), .init("scope", .text(scope)),
        ])
    }

    /// Where a credential is read; its value is nowhere in a snapshot.
    private func credential(_ credential: Credential) -> JSONText {
        let source: JSONText.Member =
            switch credential.source {
            case .environment(let name): .init("env", .text(name))
            case .file(let path): .init("file", .text(path))
            case .secret(let name, let key): .init("secret", .text("\(name) \(key)"))
            }
        return .object([
            source, .init("header", text(credential.header)),
            .init("prefix", text(credential.prefix)),
        ])
    }
}
