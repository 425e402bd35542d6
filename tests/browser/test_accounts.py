"""Keys and refusals in the console, as an operator sees them."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from accounts import keys
from accounts.models import Refusal
from tests.api import Persona
from tests.browser.pictures import pictured
from tests.waiting import eventually


def test_an_operator_makes_a_key_step_by_step(console: Page, alice: Persona) -> None:
    console.goto(f"/admin/accounts/apikey/add/?client={alice.client.pk}")
    console.get_by_role("button", name="Next").click()
    expect(console.get_by_label("Name")).to_be_focused()  # it is missing, and the browser says so
    console.get_by_label("Name").fill("nightly report")
    pictured(console, "key-step-1.png")
    console.get_by_label("Name").press("Enter")
    console.get_by_label("execute", exact=True).check()
    console.get_by_label("Allowed networks").fill("203.0.113.0/24")
    pictured(console, "key-step-2.png")
    console.get_by_role("button", name="Next").click()
    pictured(console, "key-step-3.png")
    console.get_by_label("Requests of this key").fill("5")
    console.get_by_role("button", name="Next").click()
    expect(console.get_by_text("A key of Wonderland, named “nightly report”.")).to_be_visible()
    expect(console.get_by_text("It works from 203.0.113.0/24 alone.")).to_be_visible()
    pictured(console, "key-step-4.png")
    console.get_by_role("button", name="Save").click()
    secret = console.get_by_label("API key")
    expect(secret).to_be_visible()
    pictured(console, "key-created.png")
    assert keys.is_wellformed(secret.input_value())


def test_the_step_that_is_wrong_is_shown(console: Page, alice: Persona) -> None:
    console.goto(f"/admin/accounts/apikey/add/?client={alice.client.pk}")
    console.get_by_label("Name").fill("report")
    console.get_by_role("button", name="Next").click()
    console.get_by_label("Allowed networks").fill("10.0.0.0/33")
    console.get_by_role("button", name="Look over").click()
    console.get_by_role("button", name="Save").click()
    expect(console.get_by_text("is no network")).to_be_visible()
    expect(console.get_by_role("button", name="What it may do")).to_have_attribute("aria-current", "step")


def test_dangerous_acts_stand_apart(console: Page, alice: Persona) -> None:
    console.set_viewport_size({"width": 390, "height": 844})
    console.goto(f"/admin/accounts/apikey/{alice.api_key.pk}/change/")
    pictured(console, "key-danger.png", full_page=True)
    console.get_by_role("button", name="Switch off").click()
    expect(console.get_by_text("1 of the chosen keys switched off.")).to_be_visible()
    console.goto(f"/admin/accounts/apikey/{alice.api_key.pk}/change/")
    console.get_by_text("Revoke for good…").click()
    console.get_by_role("button", name=f"Revoke {alice.api_key.prefix}").click()
    expect(console.get_by_text("1 of the chosen keys revoked.")).to_be_visible()
    assert alice.api_key.revoked_at


def test_an_operator_rotates_a_key(console: Page, alice: Persona) -> None:
    console.goto(f"/admin/accounts/apikey/{alice.api_key.pk}/change/")
    console.get_by_role("link", name="Rotate", exact=True).click()
    console.get_by_label("Overlap hours").fill("2")
    pictured(console, "key-rotation.png")
    console.get_by_role("button", name="Rotate").click()
    assert keys.is_wellformed(console.get_by_label("API key").input_value())


def test_an_operator_sees_why_a_call_was_refused(console: Page, newcomer: Callable[..., Persona]) -> None:
    dora = newcomer("Acme", tier="basic", requests=1)
    dora.execute("Say hello.")
    request_id = dora.execute("Say hello.").json()["request_id"]
    eventually(lambda: Refusal.objects.filter(request_id=request_id).exists())
    console.goto(f"/admin/accounts/refusal/?q={request_id}")
    pictured(console, "refusals.png")
    console.locator("#result_list tbody a").first.click()
    expect(console.get_by_text("1 request per 60 s allowed for this key").first).to_be_visible()
    pictured(console, "refusal.png")


def test_an_operator_looks_ahead_before_saving_a_tier(console: Page, newcomer: Callable[..., Persona]) -> None:
    acme, zenith = newcomer("Acme", tier="basic"), newcomer("Zenith", tier="basic")
    for number in range(12):
        acme.execute(f"Number {number}.", cache="bypass")
    for number in range(4):
        zenith.execute(f"Number {number}.", cache="bypass")
    eventually(lambda: Refusal.objects.filter(client=acme.client).count() == 2)
    console.goto(f"/admin/accounts/tier/{acme.client.tier_id}/change/")
    console.get_by_label("Requests", exact=True).fill("3")
    console.get_by_role("button", name="Preview").click()
    expect(console.get_by_text("Would have refused 8 requests of 2 keys")).to_be_visible()
    pictured(console, "policy-preview.png")
    console.get_by_role("button", name="Save").click()
    expect(console.get_by_text("was changed successfully")).to_be_visible()
    assert acme.client.tier.requests == 3
