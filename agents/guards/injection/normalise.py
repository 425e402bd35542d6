"""One spelling for all the ways to write the same words, so that the detector learns each word once."""

import re
import unicodedata
from itertools import chain

TAGS = range(0xE0020, 0xE007F)  # invisible copies of ASCII
INVISIBLE = chain(
    range(0x00AD, 0x00AE),  # soft hyphen
    range(0x0300, 0x0370),  # combining marks
    range(0x061C, 0x061D),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x180F),
    range(0x200B, 0x2010),  # zero-width
    range(0x202A, 0x202F),  # directions
    range(0x2060, 0x2070),
    range(0x20D0, 0x2100),  # marks around a letter
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),  # variation selectors
    range(0xFEFF, 0xFF00),
    range(0xFFA0, 0xFFA1),
    range(0xFFF9, 0xFFFC),
    range(0x1D173, 0x1D17B),
    range(0xE0000, 0xE0020),
    range(0xE007F, 0xE01F0),
)
# Letters that look alike, by eye. Cyrillic and Greek words are changed too, always in the same way.
ALIKE = {
    **dict(zip("аеорсухіїјѕԁһӏԛԝкмтвн", "aeopcyxiijsdhlqwkmtbh", strict=True)),
    **dict(zip("αβεηικμνορστυχωγς", "abenikuvopotuxwyc", strict=True)),
    **dict(zip("ɑɡɩɪʏʀʟɴʙɢʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱꜰօսոհցԍɛʋɯ", "agiiyrlnbghacdejkmoptuvwzsfounhggevw", strict=True)),
    **dict(zip("ıøłđðħŧ", "ioldđht".replace("đ", "d"), strict=True)),
    **dict.fromkeys("“”„«»‟〝〞", '"'),
    **dict.fromkeys("‘’‚`´ʼ‛", "'"),
    **dict.fromkeys("‐‑‒–—−", "-"),
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
}
SQUARED = chain(range(0x1F130, 0x1F14A), range(0x1F150, 0x1F16A), range(0x1F170, 0x1F18A))
ACCENTED = chain(range(0xC0, 0x250), range(0x386, 0x3CF), range(0x1E00, 0x2000))
ESCAPES = 3  # a text of which a third and more are backslashes has one before each letter


def _plain(letter: str) -> str:
    """An accented letter without its accent."""
    parts = unicodedata.normalize("NFKD", letter.casefold())
    return "".join(ALIKE.get(part, part) for part in parts if not unicodedata.combining(part))


TABLE = str.maketrans(
    {
        **{chr(code): _plain(chr(code)) for code in ACCENTED},
        **dict.fromkeys(map(chr, INVISIBLE)),
        **{chr(tag): chr(tag - 0xE0000).lower() for tag in TAGS},
        **{chr(code): chr(0x61 + place % 26) for place, code in enumerate(SQUARED)},
        **ALIKE,
        "。": ".",
        "؟": "?",
        "।": ".",
        "_": " ",
    }
)
MOSTLY_ASCII = 8
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
SINGLE_QUOTE = re.compile(r"'(?!\w)|(?<!\w)'")
BACKSLASH = re.compile(r"\\(.)", re.DOTALL)


def normalised(text: str) -> str:
    """The text in lower case, without accents, invisible characters, underscores and letters that only look Latin;
    one kind of quotation marks."""
    if "\\" in text and text.count("\\") * ESCAPES > len(text):
        text = BACKSLASH.sub(r"\1", text)
    text = _in_plain_letters(text)
    return SINGLE_QUOTE.sub('"', text) if "'" in text else text


def _in_plain_letters(text: str) -> str:
    if text.isascii():
        return text.lower().replace("_", " ")
    if len(text.encode(errors="replace")) - len(text) < len(text) // MOSTLY_ASCII:
        # Only what is not ASCII takes the slow way; composing over its edges does not matter, as accents go anyhow.
        return NOT_ASCII.sub(_spelt_run, text).lower().replace("_", " ")
    return _spelt(text)


def _spelt_run(run: re.Match[str]) -> str:
    """The same for a few letters of a text in Latin letters; bullets, arrows and pictures become a space."""
    spelt = _spelt(run[0])
    return spelt if spelt.isascii() or any(map(str.isalnum, spelt)) else " "


def _spelt(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(TABLE)
