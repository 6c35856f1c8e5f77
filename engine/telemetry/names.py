"""Names of the series that a verifier exposes and a console reads back: both sides take them from here.

Every series also has the label `replica`.

`counted` is the name of a field of `Counts`; `requests` and `enforced` are among them, so its values do not add up.
`run` names one life of a process: a series with that label never falls, so that its last value is its total, whatever
happened to the process since.
"""

from __future__ import annotations

from typing import Final

DECISIONS: Final = "adapt_requests_total"
"""Labels `mode`, `policy_id`."""
DRIFT_DIRECTION: Final = "adapt_drift_direction_events_total"
"""Labels `direction`, `policy_id`."""
PREVIEW_DIRECTION: Final = "adapt_preview_drift_direction_events_total"
"""Labels `direction`, `policy_id`."""
AA_SAMPLES: Final = "adapt_aa_samples_total"
AA_MISMATCHES: Final = "adapt_aa_mismatches_total"
REVISION: Final = "adapt_rollout_revision"

STEP_EVENTS: Final = "adapt_step_events_total"
"""Labels `counted`, `policy_id`, `step`, `run`."""
STEP_RESPONSES: Final = "adapt_step_http_responses_total"
"""Labels `up_to_s`, `policy_id`, `step`, `run`; buckets that are empty are left out."""
STEP_ERRORS: Final = "adapt_step_http_errors_total"
"""Labels `policy_id`, `step`, `run`."""
WINDOW_EVENTS: Final = "adapt_window_events"
"""Labels `counted`, `policy_id`, `window`."""

STARTED: Final = "cap_verifier_start_time_seconds"
REQUESTS: Final = "cap_verifier_requests_total"
"""Label `result`."""
DURATION_BUCKETS: Final = "cap_verifier_request_duration_seconds_bucket"
"""Label `le`."""

DIRECTIONS: Final = ("over_block", "under_block", "unknown")
