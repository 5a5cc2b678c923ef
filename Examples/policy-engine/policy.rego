# SPDX-License-Identifier: Apache-2.0
# How many tokens an answer may have, by team.

package mesh

import rego.v1

allowance := {"research": 1000, "support": 100}

decision := {"allow": true} if {
	input.ai.max_tokens <= allowance[input.request.headers["x-team"]]
} else := {"allow": false, "reason": "more than your team's allowance"}
