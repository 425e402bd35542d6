"""The platform's Prometheus metrics, named by the HTTP contract; labels have few values by design."""

from prometheus_client import Counter, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

requests_total = Counter("agent_requests_total", "Calls of POST /agent/execute.", ["agent_type", "status", "tier"])
request_duration_seconds = Histogram(
    "agent_request_duration_seconds", "Time to answer POST /agent/execute.", ["agent_type"], buckets=SECONDS
)
task_duration_seconds = Histogram(
    "agent_task_duration_seconds", "Running time of ended tasks.", ["agent_type"], buckets=SECONDS
)
tokens_total = Counter("agent_tokens_total", "Tokens of model calls.", ["model", "direction"])
cost_usd_total = Counter("agent_cost_usd_total", "Price of model calls in US dollars.", ["model"])
cache_total = Counter("agent_cache_total", "Look-ups in the response cache.", ["result"])
model_failures_total = Counter("agent_model_failures_total", "Model calls that failed, retried ones too.", ["model"])
breaker_opened_total = Counter(
    "agent_breaker_opened_total", "How often a process stopped asking a failing provider for a while.", ["provider"]
)
breaker_refused_total = Counter(
    "agent_breaker_refused_total", "Model calls not made because the provider kept failing.", ["provider"]
)
guard_findings_total = Counter(
    "agent_guard_findings_total",
    "Texts in which the guard found something, by what the agent's version makes of it.",
    ["mode", "verdict"],
)
output_guard_findings_total = Counter(
    "agent_output_guard_findings_total",
    "Answers in which the output guard found something, by what the agent's version makes of it.",
    ["mode", "rule"],
)
refusals_total = Counter("agent_refusals_total", "Calls refused, by the error's code.", ["code"])
refusals_unrecorded_total = Counter(
    "agent_refusals_unrecorded_total", "Refused calls that were too many to be written down."
)
approvals_total = Counter(
    "agent_approvals_total", "Approvals answered, by people or by the rule for silence.", ["decision"]
)
webhooks_total = Counter("agent_webhooks_total", "Attempts to deliver a webhook, by what came of them.", ["outcome"])
limiter_fallback_total = Counter("agent_limiter_fallback_total", "Calls limited per process, Redis being away.")
budget_alerts_total = Counter(
    "agent_budget_alerts_total", "Soft budgets that were overspent, once a period each.", ["period"]
)
