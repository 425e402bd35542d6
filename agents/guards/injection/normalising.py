"""One spelling for all the ways to write the same words, so that rules are written once."""

import unicodedata
from itertools import chain

TAGS = range(0xE0020, 0xE007F)
INVISIBLE = chain(
    range(0x00AD, 0x00AE),  # soft hyphen
    range(0x0300, 0x0370),  # combining marks; letters are decomposed first
    range(0x180B, 0x180F),
    range(0x200B, 0x2010),  # zero-width
    range(0x202A, 0x202F),  # directions
    range(0x2060, 0x2070),
    range(0xFE00, 0xFE10),  # variation selectors
    range(0xFEFF, 0xFF00),
    range(0xE0000, 0xE0020),
    range(0xE007F, 0xE01F0),
)
SAME = {
    **dict(zip("аеорсухіјѕԁһӏ", "aeopcyxijsdhl", strict=True)),  # Cyrillic
    **dict(zip("αοτνικρχ", "aotvikpx", strict=True)),  # Greek
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("‘’‚`´", "'"),
    "ı": "i",
    "ø": "o",
    "ł": "l",
    "đ": "d",
}
TABLE = str.maketrans({**dict.fromkeys(map(chr, INVISIBLE)), **{chr(tag): chr(tag - 0xE0000) for tag in TAGS}, **SAME})


def normalised(text: str) -> str:
    """The text in lower case, without accents, invisible characters, underscores and letters that only look Latin."""
    text = text.replace("_", " ")
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text.casefold()).translate(TABLE)
