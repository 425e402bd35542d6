"""What of an agent a person has to agree to, and how many approvals of a task are answered."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0009_slugs'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentversion',
            name='approval',
            field=models.CharField(choices=[('none', 'None'), ('start', 'Before it begins'), ('result', 'Before its result is given')], db_default='none', default='none', help_text='What of it a person has to agree to.', max_length=16),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='approval_on_timeout',
            field=models.CharField(choices=[('reject', 'Take it as rejected'), ('approve', 'Take it as approved'), ('fail', 'End the task as failed')], db_default='reject', default='reject', help_text='What happens when nobody answers in time.', max_length=16),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='approval_timeout_seconds',
            field=models.PositiveIntegerField(blank=True, help_text="How long a person may take to answer. Empty: the platform's APPROVAL_TIMEOUT_SECONDS.", null=True),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='approval_tools',
            field=models.JSONField(blank=True, db_default=[], default=list, help_text='Tools whose calls a person has to agree to, by name or pattern: ["github__delete_*"].'),
        ),
        migrations.AddField(
            model_name='task',
            name='answers',
            field=models.PositiveIntegerField(help_text='How many of its approvals are answered; none where it never asked for one.', null=True),
        ),
    ]
