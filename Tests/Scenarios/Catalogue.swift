// SPDX-License-Identifier: Apache-2.0

extension Scenario {
    /// Every scenario: servers first, then the network, changes, callers, and all together.
    package static let all: [Scenario] = [
        .quietDay, .upstreamDiesMidStream, .upstreamVanishes, .connectRefused, .blackHole,
        .crashOnToken, .flappingEndpoint, .primaryDown, .fullQueue, .outOfMemory, .muteServer,
        .stalledStream, .doneMissing, .malformedAnswers, .endByClose, .idleCloseRace,
        .partitionHeals, .partitionForEver, .retryStorm, .healthChecksFail, .mirrorMisbehaves,
        .comparedMirrorMisbehaves,
        .reloadUnderLoad, .reloadTakesModelAway, .drainUnderLoad, .cutOffMidStream, .slowReader,
        .deafReader, .callerLeavesEarly, .callerHalfCloses, .slowBody, .pipelinedRequests,
        .malformedRequests, .oldCallers, .thunderingHerd, .tornSegments, .resetsEverywhere,
        .limitsUnderFailover, .budgetRunsOut, .policyEngineOutage, .policyEngineForgiven,
        .dataLeavesItsRegion, .copyLeavesItsRegion, .evidenceExpires, .answersGoOn,
        .answersBeginAnew, .goodCanary, .erringCanary, .slowCanary, .deadCanary,
        .serversAskForPauses, .everybodyAsksForPauses, .threefoldOverload, .slowServersAreRaced,
        .zoneFallsAndReturns, .roughSea,
    ]

    /// The scenario called `name`, or nil.
    package static func named(_ name: String) -> Scenario? { all.first { $0.name == name } }
}
