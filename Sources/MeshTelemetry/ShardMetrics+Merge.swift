// SPDX-License-Identifier: Apache-2.0

extension ShardMetrics {
    /// Adds what another shard counted.
    ///
    /// The order of merging changes the numbers of the series and nothing that is shown: counts
    /// are sums, and endpoint states are the highest that any shard sees (each shard judges the
    /// same endpoints by its own traffic).
    package mutating func merge(_ other: ShardMetrics) {
        handshakes.add(other.handshakes, row: 0, to: 0)
        mesh.merge(other.mesh)
        let routeNumbers = routes.merge(other.routes)
        let modelNumbers = models.merge(other.models)
        let backendNumbers = backends.merge(other.backends)
        let errorNumbers = errors.merge(other.errors)
        let limitNumbers = limits.merge(other.limits)
        let accessNumbers = access.merge(other.access)
        let identityNumbers = identity.merge(other.identity)
        growBanks()
        mergeEngines(other)
        mirrors.merge(other.mirrors)
        arms.merge(other.arms)
        mergeRoutes(other, routeNumbers, backendNumbers)
        mergeOutcomes(other, routeNumbers, errorNumbers)
        mergeModels(other, modelNumbers, errorNumbers)
        for (source, row) in backendNumbers.enumerated() {
            attempts.add(other.attempts, row: source, to: row)
            retries.add(other.retries, row: source, to: row)
            ejections.add(other.ejections, row: source, to: row)
            coolDowns.add(other.coolDowns, row: source, to: row)
            passings.add(other.passings, row: source, to: row)
            circuits.add(other.circuits, row: source, to: row)
            hedges.add(other.hedges, row: source, to: row)
            hedgeTokens.add(other.hedgeTokens, row: source, to: row)
            endpoints.raise(other.endpoints, row: source, to: row)
            truncations.add(other.truncations, row: source, to: row)
            turnstileCounts.add(other.turnstileCounts, row: source, to: row)
            turnstileStates.add(other.turnstileStates, row: source, to: row)
        }
        for (source, row) in limitNumbers.enumerated() {
            limitCounts.add(other.limitCounts, row: source, to: row)
        }
        for (source, row) in accessNumbers.enumerated() {
            accessCounts.add(other.accessCounts, row: source, to: row)
        }
        for (source, row) in identityNumbers.enumerated() {
            identityCounts.add(other.identityCounts, row: source, to: row)
        }
        for (source, row) in errorNumbers.enumerated() {
            refusals.add(other.refusals, row: source, to: row)
        }
    }

    private mutating func mergeRoutes(
        _ other: ShardMetrics, _ numbers: [Int], _ backendNumbers: [Int]
    ) {
        for (source, row) in numbers.enumerated() {
            if row >= backendOfRoute.count {
                backendOfRoute.append(backendNumbers[other.backendOfRoute[source]])
            }
            routeBytes.add(other.routeBytes, row: source, to: row)
            for statusClass in 0..<StatusClass.count {
                routeDurations.add(
                    other.routeDurations, row: source * StatusClass.count + statusClass,
                    to: row * StatusClass.count + statusClass)
            }
        }
    }

    private mutating func mergeOutcomes(
        _ other: ShardMetrics, _ numbers: [Int], _ errorNumbers: [Int]
    ) {
        let outcomeNumbers = outcomes.merge(other.outcomes, owners: numbers) {
            Self.variant($0, translating: errorNumbers)
        }
        outcomeCounts.grow(to: outcomes.entries.count)
        for (source, row) in outcomeNumbers.enumerated() {
            outcomeCounts.add(other.outcomeCounts, row: source, to: row)
        }
    }

    private mutating func mergeModels(
        _ other: ShardMetrics, _ numbers: [Int], _ errorNumbers: [Int]
    ) {
        for (source, row) in numbers.enumerated() {
            modelFirstTokens.add(other.modelFirstTokens, row: source, to: row)
            modelTokenTimes.add(other.modelTokenTimes, row: source, to: row)
            modelTokenUsage.add(other.modelTokenUsage, row: source * 2, to: row * 2)
            modelTokenUsage.add(other.modelTokenUsage, row: source * 2 + 1, to: row * 2 + 1)
            modelTokens.add(other.modelTokens, row: source, to: row)
        }
        let outcomeNumbers = modelOutcomes.merge(other.modelOutcomes, owners: numbers) {
            Self.variant($0, translating: errorNumbers)
        }
        let costNumbers = modelCurrencies.merge(other.modelCurrencies, owners: numbers) { $0 }
        modelCosts.grow(to: modelCurrencies.entries.count)
        for (source, row) in costNumbers.enumerated() {
            modelCosts.add(other.modelCosts, row: source, to: row)
        }
        modelDurations.grow(to: modelOutcomes.entries.count)
        for (source, row) in outcomeNumbers.enumerated() {
            modelDurations.add(other.modelDurations, row: source, to: row)
        }
    }
}
