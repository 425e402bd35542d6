"""Adds ended tasks to the roll-ups, each exactly once. Several sweepers may do it side by side."""

from django.db import connection

BATCH = 5_000
# One statement, so a task is in one table or the other, whenever anyone looks and whatever goes down. The order keeps two
# roll-ups from waiting for each other.
ROLL_UP = """
    WITH gone AS (
        DELETE FROM usage_endedtask WHERE task_id = ANY (ARRAY(
            SELECT task_id FROM usage_endedtask ORDER BY task_id LIMIT %s FOR UPDATE SKIP LOCKED
        )) RETURNING *
    ), added AS (
        INSERT INTO usage_dailyusage AS kept (client_id, day, agent_type, api_key_id,
            completed, failed, cancelled, cached, input_tokens, output_tokens, cost_usd)
        SELECT client_id, day, agent_type, api_key_id, sum(completed), sum(failed), sum(cancelled), sum(cached),
            sum(input_tokens), sum(output_tokens), sum(cost_usd)
        FROM gone GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        ON CONFLICT (client_id, day, agent_type, api_key_id) DO UPDATE SET
            completed = kept.completed + EXCLUDED.completed, failed = kept.failed + EXCLUDED.failed,
            cancelled = kept.cancelled + EXCLUDED.cancelled, cached = kept.cached + EXCLUDED.cached,
            input_tokens = kept.input_tokens + EXCLUDED.input_tokens,
            output_tokens = kept.output_tokens + EXCLUDED.output_tokens, cost_usd = kept.cost_usd + EXCLUDED.cost_usd
    )
    SELECT count(*) FROM gone
"""


ENDED = """
    SELECT coalesce(sum(completed), 0), coalesce(sum(failed), 0), coalesce(sum(cancelled), 0) FROM (
        SELECT completed, failed, cancelled FROM usage_dailytotal WHERE agent_type <> ''
        UNION ALL SELECT completed, failed, cancelled FROM usage_endedtask
    ) AS used
"""


def ended() -> dict[str, int]:
    """How many tasks have ever ended, by status."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED)
        return dict(zip(("completed", "failed", "cancelled"), cursor.fetchone(), strict=True))


def roll_up() -> int:
    """Add to the roll-ups what ended since the last time; gives how many tasks."""
    rolled = 0
    while some := _some():
        rolled += some
        if some < BATCH:
            break
    return rolled


def _some() -> int:
    with connection.cursor() as cursor:
        cursor.execute(ROLL_UP, [BATCH])
        (count,) = cursor.fetchone()
    return int(count)
