"""Languages whose word forms PostgreSQL knows, by the names of its text search configurations (version 13 and later)."""

ANY = "simple"
LANGUAGES = (
    (ANY, "Any: words as they are written"),
    *(
        (name, name.capitalize())
        for name in (
            "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "indonesian",
            "irish", "italian", "lithuanian", "nepali", "norwegian", "portuguese", "romanian", "russian", "spanish",
            "swedish", "tamil", "turkish",
        )
    ),
)  # fmt: skip
NAMES = tuple(name for name, _ in LANGUAGES)
