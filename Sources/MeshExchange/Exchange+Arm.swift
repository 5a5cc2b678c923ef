// SPDX-License-Identifier: Apache-2.0

import MeshSnapshot
import MeshTelemetry

/// What a rollout learns of a request.
///
/// A request counts for the side that it is for, whoever served it in the end: a canary whose
/// failures fallbacks make up for has failed all the same, and so has one that is passed over
/// because it is in trouble. What the mesh itself refuses, and what a target cannot serve by what
/// is written of it, counts for nobody.
extension Exchange {
    /// Notes which side of a rollout the request is for: that of `target`, for which `served`
    /// stands in when it is another.
    mutating func mean(
        _ target: Int?, of targets: [WeightedTarget], served: Int? = nil
    ) {
        guard snapshot.hasRollouts, let target, targets.contains(where: { $0.arm >= 0 })
        else { return }
        meantArm = targets[target].arm
        isStoodInFor = served != nil && served != target
    }

    /// The same among the targets of a model.
    mutating func mean(_ target: Int?, of targets: [ModelTarget], served: Int? = nil) {
        guard snapshot.hasRollouts, let target, targets.contains(where: { $0.arm >= 0 })
        else { return }
        meantArm = targets[target].arm
        isStoodInFor = served != nil && served != target
    }

    /// Nothing of the mesh's own stands in the way any more: from here on it is the business of
    /// the side that the request is for.
    mutating func takeArm() {
        guard arm < 0, meantArm >= 0, record.attempts == 0, !record.flags.contains(.fallback)
        else { return }
        arm = meantArm
        armFailed = isStoodInFor
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

    /// Whether the side that the request is for did not serve it as it should.
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
