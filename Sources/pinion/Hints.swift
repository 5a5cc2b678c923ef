// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot

/// What a person can try, made from the configuration that runs.
enum Hints {
    /// One line for each port.
    static func listening(_ snapshot: Snapshot) -> [String] {
        snapshot.ports.map { port in
            let names = port.listeners.map(\.name).joined(separator: ", ")
            guard !port.speech.isAsked else {
                return "answering \(port.speech.rawValue) on \(authority(port)) (\(names))"
            }
            return "listening on \(scheme(port))://\(authority(port)) (\(names))"
        }
    }

    /// A streaming curl, the same in Python, and where to look.
    static func text(_ snapshot: Snapshot, admin: String) -> String {
        guard let (port, model) = firstModel(snapshot) else {
            return """

                Try next:
                  pinion get routes                    what is routed where
                  curl http://\(admin)/metrics     what happened so far
                """
        }
        let base = "\(scheme(port))://\(authority(port))/v1"
        let messages = #""messages":[{"role":"user","content":"Hello"}]"#
        let body = #"{"model":"\#(model)","stream":true,\#(messages)}"#
        return """

            Try next:

              curl -N \(base)/chat/completions -H 'content-type: application/json' \\
                -d '\(body)'

              from openai import OpenAI
              client = OpenAI(base_url="\(base)", api_key="unused")
              for chunk in client.chat.completions.create(model="\(model)", stream=True,
                      messages=[{"role": "user", "content": "Hello"}]):
                  print(chunk.choices[0].delta.content or "", end="", flush=True)

              curl \(base)/models              the models that are offered
              curl http://\(admin)/metrics     what happened so far
              pinion get endpoints                    how the model servers are

            """
    }

    private static func firstModel(_ snapshot: Snapshot) -> (Port, String)? {
        for port in snapshot.ports {
            for listener in port.listeners {
                guard let model = listener.models.first else { continue }
                let name = String(decoding: model.name, as: UTF8.self)
                return (port, name == "*" ? "gpt-4o-mini" : name)
            }
        }
        return nil
    }

    private static func scheme(_ port: Port) -> String {
        port.speech == .https ? "https" : "http"
    }

    private static func authority(_ port: Port) -> String {
        port.address.contains(":")
            ? "[\(port.address)]:\(port.number)" : "\(port.address):\(port.number)"
    }
}
