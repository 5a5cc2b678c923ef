// SPDX-License-Identifier: Apache-2.0

package import MeshModel

/// What is served when an operator wrote nothing: the variables that the OpenAI SDKs read
/// (`OPENAI_BASE_URL`, `OPENAI_API_KEY`) and the built-in model server, as resources.
///
/// They are text like everything else, so that they can be shown, saved and changed.
package enum ZeroConfig {
    /// The model server that runs in the same process.
    package struct BuiltIn: Hashable, Sendable {
        /// The IP address it listens on.
        package var address: String
        /// The port it listens on.
        package var port: Int
        /// The models it serves.
        package var models: [String]

        /// A server of the given parts.
        package init(address: String, port: Int, models: [String]) {
            self.address = address
            self.port = port
            self.models = models
        }
    }

    /// The path that messages name for the generated resources.
    package static let path = "(built in)"

    /// A Gateway at `address`:`port`; the provider behind `baseURL` (by default that of OpenAI)
    /// for every model name, when there is a base URL or a key; and the models of `builtIn`.
    package static func resources(
        baseURL: String?, hasAPIKey: Bool, builtIn: BuiltIn?, address: String = "127.0.0.1",
        port: Int = 8080
    ) -> [SourceFile] {
        var documents = [gateway(address: address, port: port)]
        if baseURL != nil || hasAPIKey {
            documents.append(
                provider(url: baseURL ?? "https://api.openai.com/v1", hasAPIKey: hasAPIKey))
        }
        if let builtIn { documents += Self.documents(of: builtIn) }
        return [SourceFile(path: path, text: documents.joined(separator: "---\n"))]
    }

    private static func gateway(address: String, port: Int) -> String {
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata:
          name: pinion
        spec:
          gatewayClassName: pinion
          addresses:
            - type: IPAddress
              value: "\(address)"
          listeners:
            - name: http
              port: \(port)
              protocol: HTTP

        """
    }

    private static func provider(url: String, hasAPIKey: Bool) -> String {
        let credential = hasAPIKey ? "  credential:\n    env: OPENAI_API_KEY\n" : ""
        return """
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata:
              name: provider
            spec:
              dialect: OpenAI
              url: \(scalar(url))
            \(credential)---
            apiVersion: pinion.dev/v1alpha1
            kind: Model
            metadata:
              name: provider
            spec:
              modelName: "*"
              targets:
                - backendRef:
                    name: provider

            """
    }

    private static func documents(of builtIn: BuiltIn) -> [String] {
        let backend = """
            apiVersion: pinion.dev/v1alpha1
            kind: Backend
            metadata:
              name: built-in
            spec:
              dialect: OpenAI
              provider: pinion
              endpoints:
                - address: \(scalar(builtIn.address))
                  port: \(builtIn.port)

            """
        let models = builtIn.models.enumerated().map { index, name in
            """
            apiVersion: pinion.dev/v1alpha1
            kind: Model
            metadata:
              name: built-in-\(index + 1)
            spec:
              modelName: \(scalar(name))
              targets:
                - backendRef:
                    name: built-in

            """
        }
        return [backend] + models
    }

    /// `text` as a double-quoted scalar (YAML 1.2.2, section 7.3.1).
    private static func scalar(_ text: String) -> String {
        JSONText.text(text).rendered.split(separator: "\n").joined()
    }
}
