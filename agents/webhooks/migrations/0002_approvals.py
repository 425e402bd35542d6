"""Deliveries of what people are asked, and the trigger that writes one when a task that names an address asks."""

from django.db import migrations, models


TRIGGER = """
    CREATE FUNCTION webhooks_note_approval() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO webhooks_delivery (id, client_id, task_id, kind, approval_id, url, endpoint)
        SELECT gen_random_uuid(), task.client_id, task.id, 'approval.requested', NEW.approval_id, task.webhook_url,
            task.client_id || ' ' || lower(substring(task.webhook_url from '^[^/]+//[^/?]+'))
        FROM agents_task AS task WHERE task.id = NEW.task_id AND task.webhook_url <> '';
        RETURN NULL;
    END $$;
    CREATE TRIGGER webhooks_approval_requested AFTER INSERT ON approvals_approval FOR EACH ROW
        EXECUTE FUNCTION webhooks_note_approval();
"""
NO_TRIGGER = """
    DROP TRIGGER webhooks_approval_requested ON approvals_approval;
    DROP FUNCTION webhooks_note_approval();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('webhooks', '0001_initial'),
        ('approvals', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='approval_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=16),
        ),
        migrations.RunSQL(TRIGGER, NO_TRIGGER),
    ]
