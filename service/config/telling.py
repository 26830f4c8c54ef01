"""What tells of batches besides tags: the topics of events."""

from collections.abc import Mapping

from domain.errors import Complaint
from service.config.document import Document
from service.config.model import ConfigFile
from service.config.tags import Route, matches


def check_event_topics(
    document: Document, file: ConfigFile, routes: Mapping[str, Route], complaints: list[Complaint]
) -> None:
    """A topic of events is one exact topic that its source subscribes to and that feeds no tag."""
    fed = {route.topic: name for name, route in routes.items()}
    for name, source in file.sources.items():
        if source.mqtt is None:
            continue
        for index, topic in enumerate(source.mqtt.events):
            problem = _problem(name, topic, source.mqtt.topics, fed)
            if problem:
                path = ("sources", name, "mqtt", "events", str(index))
                complaints.append(document.complain(path, problem))


def _problem(source: str, topic: str, filters: list[str], fed: Mapping[str, str]) -> str:
    if not topic or "#" in topic or "+" in topic:
        return f"{topic!r} is a pattern; events need one exact topic"
    if not any(matches(topic, filter_) for filter_ in filters):
        return f"{topic!r} is in none of the topics of source {source!r}"
    if topic in fed:
        return f"{topic!r} feeds tag {fed[topic]!r} already"
    return ""
