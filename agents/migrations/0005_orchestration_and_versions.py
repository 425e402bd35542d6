"""Who may take a conversation over; what a version sets of its result, its model and its guard; a version that is tried out."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('agents', '0004_retention'),
    ]

    operations = [
        migrations.AddField(
            model_name='agent',
            name='candidate',
            field=models.ForeignKey(blank=True, help_text='A version that is tried out.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='agents.agentversion'),
        ),
        migrations.AddField(
            model_name='agent',
            name='candidate_percent',
            field=models.PositiveSmallIntegerField(default=0, help_text='How many of a hundred new tasks run the candidate.'),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='guard_mode',
            field=models.CharField(choices=[('off', 'Off: nothing is read'), ('observe', 'Observe: count what is found'), ('flag', 'Flag: note it with the task'), ('block', 'Block: refuse the task')], default='block', help_text='What an attack in a text means.', max_length=16),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='handoffs',
            field=models.JSONField(blank=True, default=list, help_text='Agents that may take the conversation over from it: ["writer"].'),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='model_settings',
            field=models.JSONField(blank=True, default=dict, help_text='Further settings of the model call: {"top_p": 0.9}.'),
        ),
        migrations.AddField(
            model_name='agentversion',
            name='output_schema',
            field=models.JSONField(blank=True, help_text='JSON Schema of every result, unless the client sends one; empty: plain text.', null=True),
        ),
        migrations.AlterField(
            model_name='agentversion',
            name='strategy',
            field=models.CharField(choices=[('answer', 'Answer, with tools where they help'), ('plan', 'Plan, have the parts answered, write up'), ('route', 'Hand over to the delegate that fits'), ('review', 'Write, have it reviewed, revise')], default='answer', max_length=16),
        ),
    ]
