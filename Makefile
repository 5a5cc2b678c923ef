# SPDX-License-Identifier: Apache-2.0
# Every command of the project. Anything longer than one line lives in Scripts/.

.DEFAULT_GOAL := help
.PHONY: help run test build bench bench-quick e2e sim fmt docs golden

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s%s\n", $$1, $$2}' Makefile

run: ## Build, then start Examples/quickstart and print what to try next
	@Scripts/run.sh

test: ## Build, then run all tests: Swift and end-to-end
	@Scripts/test.sh

build: ## Build everything in debug
	@Scripts/build.sh

bench: ## Measure: micro benchmarks and comparison with other proxies
	@Scripts/bench.sh $(ARGS)

bench-quick: ## Guard: fail when a request costs more than the thresholds say
	@Scripts/bench-quick.sh $(ARGS)

e2e: ## Run the end-to-end tests against real peers (ARGS="-k reload" for a few)
	@Scripts/e2e.sh $(ARGS)

sim: ## Play the simulator's scenarios (SECONDS=n, SEEDS=n, SCENARIO=x SEED=n, TWICE=1, EACH=1)
	@SIM_SECONDS='$(SECONDS)' SEEDS='$(SEEDS)' SCENARIO='$(SCENARIO)' SEED='$(SEED)' \
		TWICE='$(TWICE)' EACH='$(EACH)' CAPACITY='$(CAPACITY)' PLANT='$(PLANT)' OPERATION='$(OPERATION)' Scripts/sim.sh $(ARGS)

fmt: ## Format every Swift file in place
	@Scripts/fmt.sh

docs: ## Write the generated parts of Docs/ anew
	@Scripts/docs.sh

golden: ## Write the expected outputs of golden tests anew; review the diff
	@Scripts/golden.sh
