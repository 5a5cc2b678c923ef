// SPDX-License-Identifier: Apache-2.0

import MeshAdmin
import MeshControl
import MeshRollout
import MeshSnapshot
import MeshTelemetry

/// What the admin port says of rollouts, and what it lets people do with them:
/// `GET /rollouts/NAMESPACE/NAME/FORMAT` and `POST /rollouts/NAMESPACE/NAME/COMMAND`.
struct RolloutPages {
    let controller: Controller

    /// One rollout in full.
    func answer(_ path: String) async -> AdminAnswer {
        guard let (name, word) = Self.parts(path), let format = OutputFormat(rawValue: word) else {
            return .text(
                "write /rollouts/NAMESPACE/NAME/FORMAT, with text, json or yaml", status: 404)
        }
        guard let rollout = await controller.rolloutBook.rollout(name) else {
            return .text(await missing(name), status: 404)
        }
        let body = RolloutDescription(rollout).rendered(as: format)
        return format == .json ? .json(body) : .text(body)
    }

    /// Does what a person wants.
    func steer(_ path: String) async -> AdminAnswer {
        guard let (name, word) = Self.parts(path), let command = RolloutCommand(rawValue: word)
        else {
            let commands = RolloutCommand.allCases.map(\.rawValue).joined(separator: ", ")
            return .text(
                "write /rollouts/NAMESPACE/NAME/COMMAND, with one of \(commands)", status: 404)
        }
        guard await controller.rolloutBook.rollout(name) != nil else {
            return .text(await missing(name), status: 404)
        }
        do {
            return .text(try await controller.steer(command, rollout: name))
        } catch {
            return .text("\(error.message); \(error.remedy)", status: 409)
        }
    }

    private func missing(_ name: String) async -> String {
        let names = await controller.rolloutBook.rollouts.map(\.plan.name)
        return "there is no rollout \(name.prefix(400)); "
            + (names.isEmpty
                ? "write a Rollout into the configuration"
                : "name one of: \(names.joined(separator: ", "))")
    }

    /// `namespace/name` and the last word of a path.
    private static func parts(_ path: String) -> (name: String, word: String)? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 5 else { return nil }
        return ("\(parts[2])/\(parts[3])", parts[4])
    }

    /// How rollouts stand, for the metrics page.
    static func facts(_ book: RolloutBook) -> [ProcessFacts.RolloutFacts] {
        book.rollouts.map { rollout in
            ProcessFacts.RolloutFacts(
                name: rollout.plan.name, phase: rollout.state.phase.rawValue,
                weight: UInt64(max(0, rollout.share.weight)), step: UInt64(rollout.state.step + 1),
                changes: book.begun(rollout.plan.name).map { begun in
                    .init(phase: begun.phase.rawValue, count: begun.count)
                })
        }
    }
}
