"""Masks what must not be kept or passed on: secrets, and what identifies people. Text in, the same text with marks out.

Card numbers are told by their check digit (Luhn, ISO/IEC 7812-1), account numbers by theirs (ISO 13616, modulo 97), phone
numbers by the numbering plans that the phonenumbers library knows, secrets by the forms that their issuers publish.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from phonenumbers import PhoneNumberMatcher

Masking = Literal["", "secrets", "personal"]
"""Nothing; secrets and card numbers; these, and e-mail addresses, phone and account numbers."""

PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.{16,8000}?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
ISSUED = re.compile(
    r"(?<![A-Za-z0-9_-])(?:"
    r"ap_live_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}"
    r"|whsec_[A-Za-z0-9+/=]{24,}"  # Standard Webhooks
    r"|sk-[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic
    r"|gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}|AIza[0-9A-Za-z_-]{35}"  # AWS, Google
    r"|xox[abposr]-[A-Za-z0-9-]{10,}|[rs]k_(?:live|test)_[0-9A-Za-z]{16,}"  # Slack, Stripe
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|SG\.[\w-]{22}\.[\w-]{43}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"  # JSON Web Tokens, RFC 7519
    r")(?![A-Za-z0-9])"
)
IN_ADDRESS = re.compile(r"(?<=://)([^\s/:@]{1,100}):([^\s/@]{1,200})(?=@)")
NAMED = re.compile(
    r"(?i)(?<![a-z])((?:pass(?:word|wd|phrase)|secret|api[_ -]?key|access[_ -]?key|auth[_ -]?token|passwort|kennwort)"
    r"[\"']?\s{0,3}(?:[:=]|is\b|lautet\b)\s{0,3}[\"']?)([^\s\"',;<>]{6,200})"
)
CARD = re.compile(r"(?<![\w.-])[2-6]\d(?:[ -]?\d){11,17}(?![\w-]|\.\d)")
E_MAIL = re.compile(r"(?<![\w.+-])[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
DIGITS = re.compile(r"\d")
LEAST_DIGITS = 6
MOST_ROUNDS = 8


def masked(text: str, masking: Masking, *, phone_region: str = "") -> str:
    """The text with marks such as [e-mail] in place of what `masking` names.

    Phone numbers without a country code are known where `phone_region` names the country, by its two letters (ISO 3166).
    """
    if not masking or not text:
        return text
    # Until nothing is left: where something was taken away, what stands beside it may be something else.
    for _ in range(MOST_ROUNDS):
        before, text = text, _masked_once(text, masking, phone_region)
        if text == before:
            break
    return text


def _masked_once(text: str, masking: Masking, phone_region: str) -> str:
    for pattern, mark in ((PRIVATE_KEY, "[secret]"), (ISSUED, "[secret]")):
        text = pattern.sub(mark, text)
    text = IN_ADDRESS.sub("[secret]", text)
    text = NAMED.sub(_unnamed, text)
    has_digits = len(DIGITS.findall(text)) >= LEAST_DIGITS
    if has_digits:
        text = CARD.sub(_if(_is_card, "[card]"), text)
    if masking == "personal":
        if "@" in text:
            text = E_MAIL.sub("[e-mail]", text)
        if has_digits:
            text = IBAN.sub(_if(_is_iban, "[account]"), text)
            text = _without_phones(text, phone_region)
    return text


def masked_value(value: Any, masking: Masking, *, phone_region: str = "") -> Any:
    """A JSON value with all its texts masked, those of names too."""
    match value:
        case str():
            return masked(value, masking, phone_region=phone_region)
        case dict():
            found: dict[str, Any] = {}
            for name, item in value.items():
                shown = masked(name, masking, phone_region=phone_region)
                key = shown if shown not in found else f"{shown} {len(found) + 1}"  # so that neither is lost
                found[key] = masked_value(item, masking, phone_region=phone_region)
            return found
        case list():
            return [masked_value(item, masking, phone_region=phone_region) for item in value]
        case _:
            return value


def secrets_in(text: str) -> Iterable[str]:
    """The keys and tokens of known forms in a text."""
    return (found[0] for pattern in (PRIVATE_KEY, ISSUED) for found in pattern.finditer(text))


def _unnamed(found: re.Match[str]) -> str:
    """What is called a password is one if it is no plain word, and no mark of ours."""
    value = found[2].rstrip(".!?)")
    is_plain = value.isalpha() and (value.islower() or value.istitle())
    return found[0] if is_plain or value.startswith("[") else f"{found[1]}[secret]"


def _if(is_one: Callable[[str], bool], mark: str) -> Callable[[re.Match[str]], str]:
    return lambda found: mark if is_one(re.sub("[ -]", "", found[0])) else found[0]


def _is_card(digits: str) -> bool:
    doubled = (2 * int(digit) for digit in digits[-2::-2])
    total = sum(map(int, digits[::-2])) + sum(each - 9 if each > 9 else each for each in doubled)
    return 13 <= len(digits) <= 19 and total % 10 == 0 and len(set(digits)) > 1


def _is_iban(account: str) -> bool:
    turned = account[4:] + account[:4]
    return 15 <= len(account) <= 34 and int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


def _without_phones(text: str, region: str) -> str:
    if not region and "+" not in text:
        return text
    kept, at = [], 0
    for found in PhoneNumberMatcher(text, region or None):
        kept += [text[at : found.start], "[phone]"]
        at = found.end
    return "".join((*kept, text[at:]))
