"""What is wrong with a document, and where."""

MAX_PLACE_CHARACTERS = 200


class BadDocument(ValueError):
    """The document, or one operation of it, cannot be used. The message names the place and says what would be right."""

    def __init__(self, place: str, message: str) -> None:
        where = f"{_shown(place)}: " if place else ""
        super().__init__(f"{where}{message}")


class TooLarge(BadDocument):
    """The schemas of an operation are too large; with fewer details they might not be."""


def _shown(place: str) -> str:
    return place if len(place) <= MAX_PLACE_CHARACTERS else f"…{place[-MAX_PLACE_CHARACTERS:]}"
