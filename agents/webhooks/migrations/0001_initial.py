"""Deliveries, and the trigger that writes one when a task that names an address ends, whichever way it ends."""

import django.db.models.deletion
import django.db.models.functions.datetime
import uuid_utils.compat
from django.db import migrations, models


FINAL = "('completed', 'failed', 'cancelled')"
TRIGGERS = f"""
    CREATE FUNCTION webhooks_note_ended_task() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO webhooks_delivery (id, client_id, task_id, kind, url, endpoint)
        VALUES (gen_random_uuid(), NEW.client_id, NEW.id, 'task.' || NEW.status, NEW.webhook_url,
            NEW.client_id || ' ' || lower(substring(NEW.webhook_url from '^[^/]+//[^/?]+')));
        RETURN NULL;
    END $$;
    CREATE TRIGGER webhooks_task_inserted_ended AFTER INSERT ON agents_task FOR EACH ROW
        WHEN (NEW.webhook_url <> '' AND NEW.status IN {FINAL}) EXECUTE FUNCTION webhooks_note_ended_task();
    CREATE TRIGGER webhooks_task_ended AFTER UPDATE OF status ON agents_task FOR EACH ROW
        WHEN (NEW.webhook_url <> '' AND NEW.status IN {FINAL} AND OLD.status NOT IN {FINAL})
        EXECUTE FUNCTION webhooks_note_ended_task();
"""
NO_TRIGGERS = """
    DROP TRIGGER webhooks_task_ended ON agents_task;
    DROP TRIGGER webhooks_task_inserted_ended ON agents_task;
    DROP FUNCTION webhooks_note_ended_task();
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0004_webhooks'),
        ('agents', '0007_webhooks'),
    ]

    operations = [
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(help_text='Such as task.completed.', max_length=32)),
                ('url', models.CharField(max_length=2000, verbose_name='address')),
                ('endpoint', models.TextField()),
                ('state', models.CharField(choices=[('pending', 'waits for its next attempt'), ('delivered', 'delivered'), ('failed', 'given up')], db_default='pending', default='pending', max_length=16)),
                ('attempts', models.PositiveSmallIntegerField(db_default=0, default=0)),
                ('next_attempt_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), null=True)),
                ('status_code', models.PositiveSmallIntegerField(help_text="The receiver's HTTP status.", null=True, verbose_name='last answer')),
                ('fault', models.CharField(blank=True, db_default='', default='', help_text='Why the last attempt failed.', max_length=300)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('delivered_at', models.DateTimeField(null=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.client')),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='agents.task')),
            ],
            options={
                'verbose_name_plural': 'deliveries',
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(fields=['-created_at', '-id'], name='delivery_newest'), models.Index(condition=models.Q(('state', 'pending')), fields=['endpoint', 'next_attempt_at'], name='delivery_due')],
            },
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
    ]
