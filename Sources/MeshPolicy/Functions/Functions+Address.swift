// SPDX-License-Identifier: Apache-2.0

extension Functions {
    /// Functions of one address, one network, or the text of one.
    static func address(_ function: Function, _ a: Value) throws(EvaluationFault) -> Value? {
        switch a {
        case .string(let text):
            switch function {
            case .ip: return .address(try parsed(text))
            case .isIP: return .bool(IPAddress(text) != nil)
            case .cidr: return .network(try network(text))
            case .isCIDR: return .bool(IPNetwork(text) != nil)
            case .isCanonical: return .bool(try parsed(text).text == text)
            default: return nil
            }
        case .address(let address):
            switch function {
            case .family: return .int(address.isFour ? 4 : 6)
            case .isUnspecified: return .bool(address.isUnspecified)
            case .isLoopback: return .bool(address.isLoopback)
            case .isGlobalUnicast: return .bool(address.isGlobalUnicast)
            case .isLinkLocalMulticast: return .bool(address.isLinkLocalMulticast)
            case .isLinkLocalUnicast: return .bool(address.isLinkLocalUnicast)
            case .ip: return a
            default: return nil
            }
        case .network(let network):
            switch function {
            case .ip: return .address(network.address)
            case .masked: return .network(network.masked)
            case .prefixLength: return .int(Int64(network.prefix))
            default: return nil
            }
        default: return nil
        }
    }

    /// Whether a network contains an address or another network.
    static func address(
        _ function: Function, _ a: Value, _ b: Value
    ) throws(EvaluationFault) -> Value? {
        guard case .network(let network) = a else { return nil }
        switch (function, b) {
        case (.containsIP, .address(let address)): return .bool(network.contains(address))
        case (.containsIP, .string(let text)): return .bool(network.contains(try parsed(text)))
        case (.containsCIDR, .network(let other)): return .bool(network.contains(other))
        case (.containsCIDR, .string(let text)):
            return .bool(network.contains(try self.network(text)))
        default: return nil
        }
    }

    private static func parsed(_ text: String) throws(EvaluationFault) -> IPAddress {
        guard let address = IPAddress(text) else {
            throw EvaluationFault(.invalidConversion, "`\(text.prefix(64))` is no IP address")
        }
        return address
    }

    private static func network(_ text: String) throws(EvaluationFault) -> IPNetwork {
        guard let network = IPNetwork(text) else {
            throw EvaluationFault(.invalidConversion, "`\(text.prefix(64))` is no network")
        }
        return network
    }
}
