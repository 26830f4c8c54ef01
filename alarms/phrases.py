"""The service's own sentences in messages to people, one table for each language. Data: no code but the look-up.

What a finding says is English, for it stands in the record. Texts that a plant wrote (causes, actions) can be given in
other languages by the configuration (`translations`).
"""

from collections.abc import Mapping
from types import MappingProxyType

ENGLISH: Mapping[str, str] = MappingProxyType(
    {
        "priority 1": "CRITICAL",
        "priority 2": "HIGH",
        "priority 3": "MEDIUM",
        "priority 4": "LOW",
        "priority 5": "EVENT",
        "title activated": "{priority}:",
        "title severity": "Now {priority}:",
        "title unshelved": "{priority}, still active after its shelf:",
        "title unsuppressed": "{priority}, active and no longer suppressed:",
        "title returned_to_service": "{priority}, active and in service again:",
        "title realarmed": "Still {priority}:",
        "title returned": "Returned to normal:",
        "title acknowledged": "Acknowledged by {person}:",
        "simulated": "SIMULATED",
        "simulated plant": "SIMULATED: this is a simulated plant.",
        "occurrence": "occurrence {count}",
        "site": "site {name}",
        "unit": "unit {name}",
        "batch": "batch {name}",
        "phase": "phase {name}",
        "since": "Since {time}",
        "active": "It is active, not acknowledged.",
        "active acknowledged": "It is active, acknowledged.",
        "gone": "It is not active, not acknowledged.",
        "gone acknowledged": "It is not active, acknowledged.",
        "occurred": "Occurrence {count}.",
        "cause": "Cause: {text}",
        "consequence": "Consequence: {text}",
        "action": "Action: {text}",
        "respond": "Respond within {time}.",
        "transition": "Transition {id}",
        "acknowledge": "Look at it and acknowledge: {link}",
        "repeated": "This may repeat a message already delivered: the answer to an earlier copy did not arrive.",
        "digest title": "{count} messages in one; worst: {title}",
        "digest title one": "{title}",
        "digest": "Much happened within a few minutes, so it comes as one message.",
        "digest line": "- {title}: {text} (transition {id})",
        "digest more": "… and {count} more; the page lists all: {ids}",
        "flood first": "First: {what}.",
        "flood then": "Then {group}: {what}.",
        "flood more": "And {count} more groups.",
        "flood priorities": "By priority: {counts}.",
        "flood units": "By unit: {counts}.",
        "followed": "{what}; {count} followed in {lasted}",
        "followed at once": "{what}; {count} followed at once",
        "quiet title": "{count} messages of your quiet hours; worst: {title}",
        "quiet title one": "From your quiet hours: {title}",
        "quiet": "This came during your quiet hours.",
        "picture title": "Trend: {title}",
        "picture": "{name} from {start} to {end}, around what transition {id} tells.",
        "picture limit": "limit {value}",
    }
)

GERMAN: Mapping[str, str] = MappingProxyType(
    {
        "priority 1": "KRITISCH",
        "priority 2": "HOCH",
        "priority 3": "MITTEL",
        "priority 4": "NIEDRIG",
        "priority 5": "EREIGNIS",
        "title activated": "{priority}:",
        "title severity": "Jetzt {priority}:",
        "title unshelved": "{priority}, nach dem Ende der Zurückstellung noch aktiv:",
        "title unsuppressed": "{priority}, aktiv und nicht mehr unterdrückt:",
        "title returned_to_service": "{priority}, aktiv und wieder in Betrieb:",
        "title realarmed": "Weiterhin {priority}:",
        "title returned": "Wieder normal:",
        "title acknowledged": "Quittiert von {person}:",
        "simulated": "SIMULIERT",
        "simulated plant": "SIMULIERT: Diese Anlage ist simuliert.",
        "occurrence": "{count}. Mal",
        "site": "Standort {name}",
        "unit": "Anlage {name}",
        "batch": "Charge {name}",
        "phase": "Phase {name}",
        "since": "Seit {time}",
        "active": "Der Alarm ist aktiv und nicht quittiert.",
        "active acknowledged": "Der Alarm ist aktiv und quittiert.",
        "gone": "Der Alarm ist nicht mehr aktiv und nicht quittiert.",
        "gone acknowledged": "Der Alarm ist nicht mehr aktiv und quittiert.",
        "occurred": "Zum {count}. Mal.",
        "cause": "Ursache: {text}",
        "consequence": "Folge: {text}",
        "action": "Maßnahme: {text}",
        "respond": "Zu handeln innerhalb von {time}.",
        "transition": "Übergang {id}",
        "acknowledge": "Ansehen und quittieren: {link}",
        "repeated": "Diese Nachricht kam vielleicht schon an: Auf eine frühere Kopie kam keine Antwort.",
        "digest title": "{count} Nachrichten in einer; die schwerste: {title}",
        "digest title one": "{title}",
        "digest": "In wenigen Minuten geschah viel, darum kommt es in einer Nachricht.",
        "digest line": "- {title}: {text} (Übergang {id})",
        "digest more": "… und {count} weitere; die Seite zeigt alle: {ids}",
        "flood first": "Zuerst: {what}.",
        "flood then": "Dann {group}: {what}.",
        "flood more": "Und {count} weitere Gruppen.",
        "flood priorities": "Nach Priorität: {counts}.",
        "flood units": "Nach Anlage: {counts}.",
        "followed": "{what}; {count} folgten in {lasted}",
        "followed at once": "{what}; {count} folgten sofort",
        "quiet title": "{count} Nachrichten aus Ihrer Ruhezeit; die schwerste: {title}",
        "quiet title one": "Aus Ihrer Ruhezeit: {title}",
        "quiet": "Das kam während Ihrer Ruhezeit.",
        "picture title": "Verlauf: {title}",
        "picture": "{name} von {start} bis {end}, um das herum, was Übergang {id} meldet.",
        "picture limit": "Grenze {value}",
    }
)

LANGUAGES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": ENGLISH, "de": GERMAN})
"""Every language that a person can be told in."""


def phrase(language: str, key: str, **words: object) -> str:
    """A sentence in a language."""
    return LANGUAGES[language][key].format(**words)
