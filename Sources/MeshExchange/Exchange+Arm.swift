// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot
import MeshTelemetry

/// What a rollout learns of a request.
///
/// A request counts for the target that was asked first, whoever served it in the end: a canary
/// whose failures fallbacks make up for has failed all the same.
extension Exchange {
    /// The side of a rollout that the present target is, or -1.
    var presentArm: ArmID {
        if model >= 0, modelTarget >= 0 {
            let targets = snapshot.models[Int(model)].targets
            if targets.indices.contains(modelTarget), targets[modelTarget].arm >= 0 {
                return targets[modelTarget].arm
            }
        }
        guard ruleTarget >= 0, rule >= 0,
            case .forward(let targets) = snapshot.rules[Int(rule)].action
        else { return -1 }
        return targets[ruleTarget].arm
    }

    /// Counts the finished exchange for its arm.
    mutating func countArm(_ shard: inout Shard, _ isPresent: Bool) {
        let side: Arm = arm % 2 == 0 ? .stable : .canary
        let series =
            isPresent
            ? shard.armSeries[Int(arm)]
            : shard.metrics.armSeries(
                rollout: snapshot.rollouts.plans[Int(arm / 2)].name, arm: side)
        shard.metrics.countArm(record, isError: isArmsError, series)
    }

    /// Whether the target that was asked first did not serve as it should.
    ///
    /// What callers write themselves makes 400, 413 and 422, of both targets alike.
    private var isArmsError: Bool {
        if armFailed || record.flags.contains(.fallback) || record.flags.contains(.truncated) {
            return true
        }
        guard record.refusal == nil, !record.flags.contains(.clientAborted) else { return false }
        switch record.status {
        case 400, 413, 422: return false
        default: return record.status >= 400
        }
    }
}
