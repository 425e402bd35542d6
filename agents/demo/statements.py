"""The statements that stamp a batch. A batch is the temporary table `demo_stamp`, the casts are the ones beside it."""

from agents.demo.casts import COLUMNS, MOMENTS

STAMP = (
    "id", "cast_id", "client_id", "api_key_id", "created_at", "metadata", "request_id", "conversation_id", "turn", "webhook_url",
    "rating", "comment", "tags",
)  # fmt: skip
AT = "stamp.created_at + {} * interval '1 s'"
TABLES = f"""
    DROP TABLE IF EXISTS demo_cast, demo_event, demo_entry, demo_approval, demo_unknown, demo_turn, demo_stamp;
    CREATE TEMP TABLE demo_cast AS SELECT 0 AS cast_id, {", ".join(COLUMNS)},
        {", ".join(f"0::float8 AS {name}" for name in MOMENTS)} FROM agents_task LIMIT 0;
    CREATE TEMP TABLE demo_event (cast_id int, at float8, seq int, type text, version int, data jsonb);
    CREATE TEMP TABLE demo_entry AS SELECT 0 AS cast_id, 0::float8 AS at, seq, model, run, step, kind, input_tokens,
        output_tokens, amount_usd, reserved_usd FROM money_ledgerentry LIMIT 0;
    CREATE TEMP TABLE demo_approval AS SELECT 0 AS cast_id, 0::float8 AS at, approval_id, run, agent, kind, tool, call_id, text,
        0 AS timeout, on_timeout, decision, comment, decided_by, decider, 0::float8 AS decided FROM approvals_approval LIMIT 0;
    CREATE TEMP TABLE demo_unknown AS SELECT 0 AS cast_id, 0::float8 AS at, run, step, call_id, tool, arguments, decision, result,
        decided_by, 0::float8 AS decided FROM agents_unknownoutcome LIMIT 0;
    CREATE TEMP TABLE demo_turn (cast_id int, place int, role text, content text, context jsonb, bytes int);
    CREATE TEMP TABLE demo_stamp (id uuid, cast_id int, client_id uuid, api_key_id uuid, created_at timestamptz, metadata jsonb,
        request_id text, conversation_id uuid, turn int, webhook_url text, rating int, comment text, tags jsonb,
        journal_pruned_at timestamptz) ON COMMIT DELETE ROWS;
"""  # noqa: S608  # made of our own constants
PRUNED = """
    UPDATE demo_stamp stamp SET journal_pruned_at = stamp.created_at + (demo_cast.completed_at + %s) * interval '1 s'
    FROM demo_cast WHERE demo_cast.cast_id = stamp.cast_id AND stamp.created_at + demo_cast.completed_at * interval '1 s' < %s
"""
TASKS = f"""
    INSERT INTO agents_task (id, client_id, api_key_id, created_at, metadata, request_id, conversation_id, webhook_url,
        journal_pruned_at, {", ".join((*COLUMNS, *MOMENTS))})
    SELECT id, client_id, api_key_id, created_at, metadata, request_id, conversation_id, webhook_url, journal_pruned_at,
        {", ".join((*COLUMNS, *(AT.format(f"demo_cast.{name}") for name in MOMENTS)))}
    FROM demo_stamp stamp JOIN demo_cast USING (cast_id)
"""  # noqa: S608  # made of our own constants
EVENTS = f"""
    INSERT INTO agents_event (task_id, seq, type, version, data, at)
    SELECT id, seq, type, version, data, {AT.format("at")} FROM demo_stamp stamp JOIN demo_event USING (cast_id)
    WHERE journal_pruned_at IS NULL
"""  # noqa: S608
ENTRIES = f"""
    WITH told AS (
        INSERT INTO money_ledgerentry (task_id, client_id, api_key_id, seq, model, run, step, kind, input_tokens, output_tokens,
            amount_usd, reserved_usd, at, balances)
        SELECT id, client_id, api_key_id, seq, model, run, step, kind, input_tokens, output_tokens, amount_usd, reserved_usd,
            {AT.format("at")}, CASE WHEN amount_usd = 0 THEN '{{}}' ELSE ARRAY(
                SELECT balance.id FROM demo_balance balance WHERE balance.client_id = stamp.client_id
                    AND {AT.format("at")} >= begins AND {AT.format("at")} < ends ORDER BY 1
            ) END
        FROM demo_stamp stamp JOIN demo_entry USING (cast_id) RETURNING balances, amount_usd
    )
    UPDATE money_balance balance SET spent_usd = spent_usd + told.usd
    FROM (SELECT charged, sum(amount_usd) AS usd FROM told, unnest(balances) AS charged GROUP BY charged) AS told
    WHERE told.charged = balance.id
"""  # noqa: S608
APPROVALS = f"""
    INSERT INTO approvals_approval (task_id, approval_id, run, agent, kind, tool, call_id, text, requested_at, expires_at,
        on_timeout, decision, comment, decided_by, decider, decided_at)
    SELECT id, approval_id, run, agent, kind, tool, call_id, CASE WHEN journal_pruned_at IS NULL THEN text ELSE '' END,
        {AT.format("at")}, {AT.format("(at + timeout)")}, on_timeout, decision,
        CASE WHEN journal_pruned_at IS NULL THEN demo_approval.comment ELSE '' END, decided_by, decider, {AT.format("decided")}
    FROM demo_stamp stamp JOIN demo_approval USING (cast_id)
"""  # noqa: S608
UNKNOWN = f"""
    INSERT INTO agents_unknownoutcome (task_id, run, step, call_id, tool, arguments, created_at, decision, result, decided_by,
        decided_at)
    SELECT id, run, step, call_id, tool, arguments, {AT.format("at")}, decision, result, decided_by, {AT.format("decided")}
    FROM demo_stamp stamp JOIN demo_unknown USING (cast_id)
"""  # noqa: S608
CONVERSATIONS = f"""
    INSERT INTO conversations_conversation (client_id, conversation_id, agent_type, turns, summary, summarised, created_at,
        last_used_at)
    SELECT client_id, conversation_id, min(agent_type), 2 * count(*), '', 0, min(created_at), max({AT.format("completed_at")})
    FROM demo_stamp stamp JOIN demo_cast USING (cast_id) WHERE conversation_id IS NOT NULL GROUP BY 1, 2
"""  # noqa: S608
TURNS = f"""
    INSERT INTO conversations_turn (conversation_id, number, role, content, context, bytes, task_id, at)
    SELECT known.id, stamp.turn + place, role, content, context, bytes, stamp.id, {AT.format("completed_at")}
    FROM demo_stamp stamp JOIN demo_turn USING (cast_id) JOIN demo_cast USING (cast_id)
    JOIN conversations_conversation known USING (client_id, conversation_id)
"""  # noqa: S608
FEEDBACK = f"""
    INSERT INTO feedback_feedback (task_id, client_id, rating, comment, tags, correction, created_at, updated_at)
    SELECT id, client_id, rating, comment, tags, CASE WHEN rating < 3 AND comment <> '' THEN 'Nothing about returns.' ELSE '' END,
        {AT.format("(completed_at + 60)")}, {AT.format("(completed_at + 60)")}
    FROM demo_stamp stamp JOIN demo_cast USING (cast_id) WHERE rating > 0 AND status = 'completed'
"""  # noqa: S608
# Those that are too old to be kept are gone; of the others, one in twelve that is some days old could not be delivered.
OLD_DELIVERIES = """
    DELETE FROM webhooks_delivery delivery USING demo_stamp stamp
    WHERE delivery.task_id = stamp.id AND stamp.created_at < %s
"""
DELIVERIES = f"""
    UPDATE webhooks_delivery delivery SET state = CASE WHEN is_dead THEN 'failed' ELSE 'delivered' END, next_attempt_at = NULL,
        attempts = CASE WHEN is_dead THEN %s ELSE 1 END, status_code = CASE WHEN is_dead THEN 503 ELSE 200 END,
        fault = CASE WHEN is_dead THEN 'The receiver answered 503.' ELSE '' END, created_at = told.at,
        delivered_at = CASE WHEN is_dead THEN NULL ELSE told.at + interval '1 s' END
    FROM (
        SELECT stamp.id, {AT.format("coalesce(completed_at, 5)")} AS at,
            stamp.created_at < %s AND hashtext(stamp.id::text) %% 12 = 0 AS is_dead
        FROM demo_stamp stamp JOIN demo_cast USING (cast_id) WHERE webhook_url <> ''
    ) AS told WHERE told.id = delivery.task_id
"""  # noqa: S608
OF_A_BATCH = (TASKS, EVENTS, ENTRIES, APPROVALS, UNKNOWN, CONVERSATIONS, TURNS, FEEDBACK)
COPIED = {
    "event": ("cast_id", "at", "seq", "type", "version", "data"),
    "entry": ("cast_id", "at", "seq", "model", "run", "step", "kind", "input_tokens", "output_tokens", "amount_usd",
              "reserved_usd"),
    "approval": ("cast_id", "at", "approval_id", "run", "agent", "kind", "tool", "call_id", "text", "timeout", "on_timeout",
                 "decision", "comment", "decided_by", "decider", "decided"),
    "unknown": ("cast_id", "at", "run", "step", "call_id", "tool", "arguments", "decision", "result", "decided_by", "decided"),
    "turn": ("cast_id", "place", "role", "content", "context", "bytes"),
}  # fmt: skip
