"""Totals of each day by agent and by client, kept by triggers of the roll-ups, and what they come to until now.

The triggers see whole statements, so a roll-up of thousands of tasks changes a few lines. They are the database's, so the code
of an earlier version, which runs beside during an upgrade, keeps the totals too.
"""

from django.db import migrations, models

FIGURES = ("completed", "failed", "cancelled", "cached", "input_tokens", "output_tokens", "cost_usd")
NO_CLIENT = "'00000000-0000-0000-0000-000000000000'::uuid"
SUMS = ", ".join(f"sum({name})" for name in FIGURES)
COLUMNS = ", ".join(FIGURES)


def added(rows):
    """Add rows of the roll-ups to the totals; their order keeps two roll-ups from waiting for each other."""
    changes = ", ".join(f"{name} = kept.{name} + EXCLUDED.{name}" for name in FIGURES)
    return f"""
        INSERT INTO usage_dailytotal AS kept (day, client_id, agent_type, {COLUMNS})
        SELECT day, coalesce(client_id, {NO_CLIENT}), coalesce(agent_type, ''), {SUMS}
        FROM ({rows}) AS moved GROUP BY GROUPING SETS ((day, client_id), (day, agent_type)) ORDER BY 1, 2, 3
        ON CONFLICT (day, client_id, agent_type) DO UPDATE SET {changes};
    """


def of(table, sign=""):
    figures = ", ".join(f"{sign}{name} AS {name}" for name in FIGURES)
    return f"SELECT day, client_id, agent_type, {figures} FROM {table}"


def trigger(act, does, referencing):
    return f"""
        CREATE FUNCTION usage_total_{act}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {does}
            RETURN NULL;
        END $$;
        CREATE TRIGGER usage_total_{act} AFTER {act} ON usage_dailyusage REFERENCING {referencing}
            FOR EACH STATEMENT EXECUTE FUNCTION usage_total_{act}();
    """


EMPTY = """
    DELETE FROM usage_dailytotal
    WHERE completed + failed + cancelled = 0 AND day IN (SELECT day FROM old_rows);
"""
CHANGED = f"{of('new_rows')} UNION ALL {of('old_rows', '-')}"
TRIGGERS = (
    trigger("insert", added(of("new_rows")), "NEW TABLE AS new_rows")
    + trigger("update", added(CHANGED), "NEW TABLE AS new_rows OLD TABLE AS old_rows")
    + trigger("delete", added(of("old_rows", "-")) + EMPTY, "OLD TABLE AS old_rows")
)
NO_TRIGGERS = "".join(
    f"DROP TRIGGER usage_total_{act} ON usage_dailyusage; DROP FUNCTION usage_total_{act}();"
    for act in ("insert", "update", "delete")
)
BACK_FILL = f"SET LOCAL statement_timeout = 0; {added(of('usage_dailyusage'))}"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0007_client_masking'),
        ('usage', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='DailyTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('client_id', models.UUIDField()),
                ('agent_type', models.CharField(max_length=64)),
                ('completed', models.BigIntegerField(default=0)),
                ('failed', models.BigIntegerField(default=0)),
                ('cancelled', models.BigIntegerField(default=0)),
                ('cached', models.BigIntegerField(default=0)),
                ('input_tokens', models.BigIntegerField(default=0)),
                ('output_tokens', models.BigIntegerField(default=0)),
                ('cost_usd', models.DecimalField(decimal_places=9, default=0, max_digits=24)),
            ],
        ),
        migrations.RemoveIndex(
            model_name='dailyusage',
            name='daily_usage_newest',
        ),
        migrations.AddIndex(
            model_name='dailyusage',
            index=models.Index(fields=['-day', '-id'], name='daily_usage_by_day'),
        ),
        migrations.AddIndex(
            model_name='dailyusage',
            index=models.Index(fields=['agent_type', '-day', '-id'], name='daily_usage_of_agent'),
        ),
        migrations.AddConstraint(
            model_name='dailytotal',
            constraint=models.UniqueConstraint(fields=('day', 'client_id', 'agent_type'), name='daily_total_once'),
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.RunSQL(BACK_FILL, migrations.RunSQL.noop),
    ]
