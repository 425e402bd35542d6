from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="agentversion",
            name="fallback_models",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text='Models to ask, in this order, when that one fails: ["gpt-5-nano"].',
            ),
        ),
    ]
