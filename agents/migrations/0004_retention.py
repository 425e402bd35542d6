"""When a task's journal was pruned, and how the sweeper finds those whose turn it is; an index of events that nothing needs."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0003_unknown_outcomes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="task",
            field=models.ForeignKey(
                db_index=False,
                on_delete=models.deletion.CASCADE,
                related_name="journal",
                to="agents.task",
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="journal_pruned_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("completed_at__isnull", False), ("journal_pruned_at__isnull", True)),
                fields=["completed_at"],
                name="task_with_journal",
            ),
        ),
        migrations.AddIndex(
            model_name="task",
            index=models.Index(
                condition=models.Q(("status", "queued")),
                fields=["created_at"],
                name="task_queued",
            ),
        ),
    ]
