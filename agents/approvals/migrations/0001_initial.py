"""What people are asked, and what they answer."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('agents', '0010_approvals'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('approval_id', models.CharField(help_text='Its name within the task: a1, a2, …', max_length=16, verbose_name='number')),
                ('run', models.CharField(max_length=64)),
                ('agent', models.CharField(max_length=64)),
                ('kind', models.CharField(choices=[('tool', 'Call a tool'), ('start', 'Let the agent begin'), ('result', 'Give the result')], max_length=16, verbose_name='what is asked')),
                ('tool', models.CharField(blank=True, max_length=128)),
                ('call_id', models.TextField(blank=True)),
                ('text', models.TextField(help_text="The call's arguments, the agent's task, or the text of its result.")),
                ('requested_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('expires_at', models.DateTimeField()),
                ('on_timeout', models.CharField(choices=[('reject', 'Take it as rejected'), ('approve', 'Take it as approved'), ('fail', 'End the task as failed')], max_length=16, verbose_name='without an answer')),
                ('decision', models.CharField(blank=True, choices=[('approve', 'Approved'), ('reject', 'Rejected'), ('expire', 'Nobody answered in time: the task failed'), ('moot', 'The task ended before anyone answered')], max_length=16)),
                ('comment', models.TextField(blank=True)),
                ('decided_by', models.CharField(blank=True, choices=[('client', 'The client'), ('operator', 'An operator'), ('timeout', 'The rule for silence')], max_length=16)),
                ('decider', models.CharField(blank=True, help_text="The operator's name, or the key's prefix.", max_length=150)),
                ('decided_at', models.DateTimeField(null=True)),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='agents.task')),
            ],
            options={
                'ordering': ('pk',),
                'indexes': [models.Index(condition=models.Q(('decision', '')), fields=['expires_at'], name='approval_open')],
                'constraints': [models.UniqueConstraint(fields=('task', 'approval_id'), name='approval_of_task')],
            },
        ),
    ]
