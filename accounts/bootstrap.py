"""What a fresh database is filled with: tiers, the keys of API_KEYS, the demo key and the first operator.

Everything is created where it is missing and never changed, so it may run at each start.
"""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from accounts import audit, keys, services
from accounts.models import ApiKey, Client, Tier
from accounts.roles import fill_roles
from agentplatform.environment import refuse

DEMO_KEY = "demo-key-123"
ADMIN_NAME = "admin"


@transaction.atomic
def fill() -> list[str]:
    """Create what is missing, and give a line for people on each thing that was.

    Ends the process, with nothing created, when API_KEYS is wrong.
    """
    report = [f"tier {tier.slug} created" for tier in fill_tiers()]
    report += [f"role {role} created" for role in fill_roles()]
    given = given_keys(settings.API_KEYS)
    report += [f"key {key.prefix} of API_KEYS created, tier {key.client.tier.slug}" for key in fill_keys(given)]
    is_trial = settings.DEMO_KEY or settings.EMBEDDED.database_url == settings.DATABASE_URL
    if fill_demo_key(is_wanted=is_trial and not given):
        report.append("demo key created")
    if settings.ADMIN_PASSWORD and fill_admin(settings.ADMIN_PASSWORD):
        report.append(f"operator {ADMIN_NAME} created")
    return report


def fill_tiers() -> Iterator[Tier]:
    """Create the tiers shipped; give those that were missing."""
    shipped = (
        ("basic", "Basic", settings.DEFAULT_RATE_LIMIT, settings.RATE_LIMIT_WINDOW),
        ("premium", "Premium", 100, 60),
        ("unlimited", "Unlimited", None, 60),
    )
    for slug, name, requests, window_seconds in shipped:
        defaults = {"name": name, "requests": requests, "window_seconds": window_seconds}
        tier, is_new = Tier.objects.get_or_create(slug=slug, defaults=defaults)
        if is_new:
            audit.record(audit.START, "created", tier)
            yield tier


def given_keys(entries: list[str]) -> dict[str, Tier]:
    """The tier of each key in API_KEYS, whose entries are `key` (basic) or `key:tier`.

    Ends the process at a wrong entry, with one line that does not show the key.
    """
    tiers = {tier.slug: tier for tier in Tier.objects.all()}
    given: dict[str, Tier] = {}
    for number, entry in enumerate(entries, start=1):
        secret, _, slug = entry.rpartition(":") if ":" in entry else (entry, "", "basic")
        if slug not in tiers:
            refuse("API_KEYS", f"entry {number} names a tier that does not exist; it takes {', '.join(tiers)}.")
        if not keys.is_wellformed(secret):
            refuse(
                "API_KEYS", f"entry {number} cannot be a key; it takes visible ASCII, and no mistyped ap_live_… key."
            )
        if given.setdefault(secret, tiers[slug]) != tiers[slug]:
            refuse("API_KEYS", f"entry {number} repeats a key with another tier; it takes each key once.")
    return given


def fill_keys(given: dict[str, Tier]) -> Iterator[ApiKey]:
    """Create each key that is missing, with a client of its own; give the new keys.

    Clients are named by the keys' digests, which is stable and tells nothing.
    """
    for secret, tier in given.items():
        name = f"api-key-{keys.digest(secret).hex()[:8]}"
        key, is_new = _fill_key(secret, name, tier)
        if is_new:
            yield key


def fill_demo_key(*, is_wanted: bool) -> bool:
    """Have the well-known demo key work only where it is wanted; tell whether it was created."""
    if not is_wanted:
        services.deactivate(ApiKey.objects.filter(digest=keys.digest(DEMO_KEY)), actor=audit.START)
        return False
    key, is_new = _fill_key(DEMO_KEY, "demo", Tier.objects.get(slug="basic"))
    if not key.is_active and key.revoked_at is None:
        services.reactivate(ApiKey.objects.filter(pk=key.pk), actor=audit.START)
    return is_new


def fill_admin(password: str) -> bool:
    """Create the first operator, a superuser; tell whether it was missing."""
    users = get_user_model().objects
    if users.filter(username=ADMIN_NAME).exists():
        return False
    users.create_superuser(ADMIN_NAME, password=password)
    return True


def _fill_key(secret: str, name: str, tier: Tier) -> tuple[ApiKey, bool]:
    digest = keys.digest(secret)
    if key := ApiKey.objects.filter(digest=digest).select_related("client__tier").first():
        return key, False
    client, is_new = Client.objects.get_or_create(name=name, defaults={"tier": tier})
    if is_new:
        audit.record(audit.START, "created", client)
    prefix = secret[:16] if secret.startswith(keys.START) else name
    key, is_new = ApiKey.objects.get_or_create(
        digest=digest, defaults={"client": client, "name": name, "prefix": prefix}
    )
    if is_new:
        audit.record(audit.START, "created", key)
    return key, is_new
