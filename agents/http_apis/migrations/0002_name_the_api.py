"""The API is called API in the console."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('http_apis', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='httpoperation',
            name='api',
            field=models.ForeignKey(editable=False, on_delete=django.db.models.deletion.CASCADE, related_name='tools', to='http_apis.httpapi', verbose_name='API'),
        ),
    ]
