"""The words that rules are made of, by what they do in a sentence; English, German, Spanish and French, without accents."""

CLASSES: dict[str, str] = {
    # To put aside.
    "drop": """
        ignore ignoring disregard disregarding forget forgetting override overriding bypass bypassing circumvent neglect
        unlearn rescind revoke defy
        ignoriere ignorieren ignoriert vergiss vergesse vergessen vergisst missachte missachten ubergehe verwerfe
        ignora ignore ignorar ignoren olvida olvide olvidar olvidate descarta omite desestima
        ignorez ignorer oublie oubliez oublier negligez abandonne
    """,
    "remove": "overlook dismiss discard abandon skip delete erase drop remove clear",
    # Which came before, or stands over the reader.
    "former": """
        previous previously prior above earlier preceding foregoing past original initial existing former before old last
        current system developer preset predefined given
        vorherige vorherigen vorheriger vorigen vorige bisherige bisherigen obige obigen fruheren vorangegangenen
        vorangegangene vorhergehenden ursprunglichen vorher bisher davor
        anterior anteriores previa previas previo previos originales iniciales
        precedente precedentes anterieure anterieures initiales
    """,
    "all": """
        all any every everything anything whatever whole entire each
        alle allen alles jegliche samtliche samtlichen
        todo todos toda todas cualquier
        tout tous toute toutes
    """,
    "everything": "everything alles todo tout",
    "your": "your ur thy deine deinen deiner deines deinem eure ihre ihren tu tus su sus ton tes votre vos",
    "these": "the this that these those den der die diese diesen las los el les ces la le",
    # What an agent is told.
    "orders": """
        instruction instructions prompt prompts directive directives direction directions guideline guidelines programming
        preprompt
        anweisung anweisungen instruktion instruktionen vorgaben aufforderungen systemprompt
        instruccion instrucciones indicaciones directrices
        consigne consignes
    """,
    "rules": """
        rule rules command commands order orders constraint constraints restriction restrictions limitation limitations
        policy policies training safeguard safeguards filter filters
        regel regeln befehl befehle befehlen richtlinien einschrankungen
        regla reglas orden ordenes restricciones politicas
        regle regles ordres
    """,
    "talk": """
        context conversation message messages task tasks assignment assignments text texts information input
        auftrage aufgaben ausfuhrungen tareas taches
    """,
    # To give out.
    "reveal": """
        reveal show display tell give share leak disclose expose list state paste provide send
        zeige zeig nenne verrate gib
        revela muestra dime
        revele revelez affiche affichez montre montrez donne donnez
    """,
    "repeat": """
        print repeat output dump recite return summarize summarise paraphrase rephrase translate echo copy encode spell restate
        wiederhole drucke imprime repite repete repetez
    """,
    "verbatim": "print repeat output dump recite echo wiederhole imprime repite repete repetez",
    "secretly": """
        system initial hidden original secret internal developer confidential base pre starting first full exact entire
        complete
    """,
    "system": "system hidden secret",
    "prompt": """
        prompt prompts preprompt instruction instructions directive directives message systemprompt guidelines rules
        systemanweisungen anweisungen instrucciones consignes
    """,
    "words": "words everything sentences lines all conversation",
    "above": "above before preceding previous prior previously",
    "here_above": "above obige obigen",
    "what": "what whats which was welche cual cuales que quelles quels",
    "told": "given told received programmed informed",
    # To become somebody else.
    "you": "you du tu vous",
    "be": "are is were be being become sind lauten bist son eres sont est es",
    "now": "now nun jetzt ahora maintenant",
    "act": "act acting pretend pretending roleplay simulate behave respond become play immerse imagine answer as",
    "loose": "unrestricted unfiltered uncensored jailbroken amoral lawless unshackled unhinged",
    "anything": "anything",
    "do": "do",
    "no": "no not never without free zero none neither any cannot doesn't don't isn't dont doesnt won't nor",
    "limits": """
        restriction restrictions limits filter filters censorship constraints limitations guidelines morals ethics rules
        policies restraints safeguards boundaries guardrails
    """,
    "moral": "moral ethical morals ethics legality safety content openai openai's",
    "refuse": "refuse refuses reject decline declines apologize apologise apologizes refusing",
    "character": "character persona",
    "break": "break broken breaks breaking",
    "special": "developer jailbreak dan god debug admin root sudo unrestricted evil opposite",
    "jailbroken": "jailbreak dan unrestricted",
    "mode": "mode modus modo",
    "new": "new neue neuen nuevas nueva nouvelles nouvelle updated real actual",
    "from": "from ab desde",
    "on": "on",
    "so": "so",
    "far": "far",
    "follow": "follow obey heed",
}
NEGATIONS = frozenset(
    ["not", "never", "don't", "dont", "can't", "cannot", "won't", "shouldn't", "nicht", "no", "ne", "nunca"]
)
TALK = frozenset(
    [
        "attack",
        "attacks",
        "attacker",
        "attackers",
        "injection",
        "injections",
        "jailbreaking",
        "phrase",
        "phrases",
        "phrasing",
        "mean",
        "means",
        "meaning",
        "example",
        "examples",
        "detect",
        "detecting",
        "detection",
        "detector",
        "classifier",
        "prevent",
        "prevents",
        "defend",
        "against",
        "explain",
        "article",
        "research",
        "paper",
        "security",
        "study",
        "called",
        "such",
    ]
)
"""Where these stand, a quoted text is talked about rather than said."""


def _lexicon() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, words in CLASSES.items():
        for word in dict.fromkeys(words.split()):
            found.setdefault(word, []).append(name)
    return {word: tuple(names) for word, names in found.items()}


LEXICON = _lexicon()
"""Each word's classes."""
