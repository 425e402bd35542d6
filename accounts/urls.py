"""Paths of the self-service API, mounted under /account."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("account", views.AccountView.as_view(), name="account"),
    path("account/keys", views.AccountKeysView.as_view(), name="account_keys"),
    path("account/keys/<uuid:key_id>", views.AccountKeyView.as_view(), name="account_key"),
    path("account/keys/<uuid:key_id>/rotate", views.RotateKeyView.as_view(), name="rotate_key"),
    path("account/webhook-secret", views.WebhookSecretView.as_view(), name="webhook_secret"),
]
