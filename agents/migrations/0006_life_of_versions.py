"""When a version was published, one that is tried out, and what the guard noted of a task."""

from django.db import migrations, models


def date_publications(apps, schema_editor):
    """What is or was published before this was written down: it cannot have been before it was made."""
    versions = apps.get_model("agents", "AgentVersion").objects.filter(status__in=("published", "retired"))
    versions.update(published_at=models.F("created_at"))


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_audit_and_refusals'),
        ('agents', '0005_orchestration_and_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentversion',
            name='published_at',
            field=models.DateTimeField(editable=False, help_text='When it was published last.', null=True),
        ),
        migrations.RunPython(date_publications, migrations.RunPython.noop),
        migrations.AddField(
            model_name='task',
            name='guard_rule',
            field=models.CharField(blank=True, db_default='', help_text='What the guard noted of the text.', max_length=64),
        ),
        migrations.AlterField(
            model_name='agentversion',
            name='status',
            field=models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('candidate', 'Candidate'), ('retired', 'Retired')], default='draft', max_length=16),
        ),
        migrations.AddIndex(
            model_name='task',
            index=models.Index(condition=models.Q(('guard_rule', ''), _negated=True), fields=['-created_at', '-id'], name='task_flagged'),
        ),
    ]
