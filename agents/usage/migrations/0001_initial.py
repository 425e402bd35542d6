"""The roll-ups of usage, the trigger that notes each task's end, and the roll-up of all tasks that have ended until now.

Creating the trigger waits for the writers of tasks and then keeps them out until this is committed, so no task is missed
and none counted twice: some seconds for a million tasks.
"""

import django.db.models.deletion
from django.db import migrations, models

FIGURES = """
    (CASE WHEN {0}.status = 'completed' THEN 1 ELSE 0 END), (CASE WHEN {0}.status = 'failed' THEN 1 ELSE 0 END),
    (CASE WHEN {0}.status = 'cancelled' THEN 1 ELSE 0 END), (CASE WHEN {0}.is_cached THEN 1 ELSE 0 END),
    {0}.input_tokens, {0}.output_tokens, {0}.cost_usd
"""
WHO = """
    {0}.client_id, coalesce({0}.api_key_id, '00000000-0000-0000-0000-000000000000'::uuid), {0}.agent_type,
    (coalesce({0}.completed_at, {0}.created_at) AT TIME ZONE 'UTC')::date
"""
COLUMNS = """
    client_id, api_key_id, agent_type, day, completed, failed, cancelled, cached, input_tokens, output_tokens, cost_usd
"""
FINAL = "('completed', 'failed', 'cancelled')"
TRIGGERS = f"""
    CREATE FUNCTION usage_note_ended_task() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO usage_endedtask (task_id, {COLUMNS}) VALUES (NEW.id, {WHO.format("NEW")}, {FIGURES.format("NEW")})
        ON CONFLICT (task_id) DO NOTHING;
        RETURN NULL;
    END $$;
    CREATE TRIGGER usage_task_inserted_ended AFTER INSERT ON agents_task FOR EACH ROW
        WHEN (NEW.status IN {FINAL}) EXECUTE FUNCTION usage_note_ended_task();
    CREATE TRIGGER usage_task_ended AFTER UPDATE OF status ON agents_task FOR EACH ROW
        WHEN (NEW.status IN {FINAL} AND OLD.status NOT IN {FINAL}) EXECUTE FUNCTION usage_note_ended_task();
"""
NO_TRIGGERS = """
    DROP TRIGGER usage_task_ended ON agents_task;
    DROP TRIGGER usage_task_inserted_ended ON agents_task;
    DROP FUNCTION usage_note_ended_task();
"""
BACK_FILL = f"""
    SET LOCAL statement_timeout = 0;
    INSERT INTO usage_dailyusage ({COLUMNS})
    SELECT client_id, api_key_id, agent_type, day, sum(completed), sum(failed), sum(cancelled), sum(cached),
        sum(input_tokens), sum(output_tokens), sum(cost_usd)
    FROM (SELECT {WHO.format("task")}, {FIGURES.format("task")} FROM agents_task AS task WHERE task.status IN {FINAL})
        AS ended ({COLUMNS})
    GROUP BY client_id, api_key_id, agent_type, day;
"""


def used():
    return [
        ("api_key_id", models.UUIDField()),
        ("agent_type", models.CharField(max_length=64)),
        ("day", models.DateField()),
        ("completed", models.PositiveIntegerField(default=0)),
        ("failed", models.PositiveIntegerField(default=0)),
        ("cancelled", models.PositiveIntegerField(default=0)),
        ("cached", models.PositiveIntegerField(default=0, help_text="Completed ones that the response cache answered.")),
        ("input_tokens", models.PositiveBigIntegerField(default=0)),
        ("output_tokens", models.PositiveBigIntegerField(default=0)),
        ("cost_usd", models.DecimalField(decimal_places=9, default=0, max_digits=24)),
    ]


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("accounts", "0003_audit_and_refusals"),
        ("agents", "0004_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="EndedTask",
            fields=[
                *used(),
                ("task_id", models.UUIDField(primary_key=True, serialize=False)),
                ("client_id", models.UUIDField()),
            ],
            options={"indexes": [models.Index(fields=["client_id", "day"], name="ended_task_of_client")]},
        ),
        migrations.CreateModel(
            name="DailyUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                *used(),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.client",
                    ),
                ),
            ],
            options={
                "verbose_name": "daily usage",
                "verbose_name_plural": "daily usage",
                "ordering": ["-day", "client__name", "agent_type"],
                "indexes": [models.Index(fields=["-day"], name="daily_usage_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("client", "day", "agent_type", "api_key_id"), name="daily_usage_once")
                ],
            },
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.RunSQL(BACK_FILL, migrations.RunSQL.noop),
    ]
