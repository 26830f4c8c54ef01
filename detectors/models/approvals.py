"""Who approved which model, and which of those that were approved judge nothing: silence would look like calm."""

from collections.abc import Iterable, Mapping

from detectors.cases import Case, Json, Origin, case_from, open_case
from detectors.models.watchers import Watcher
from domain.approvals import same_person
from domain.entries import PersonAction, RowPosition
from domain.findings import Finding, Stage
from domain.models import Library, Model
from domain.rules import Rulebook


class Approvals:
    """What people approved; of one name the newest counts."""

    def __init__(self, rulebook: Rulebook, library: Library) -> None:
        self._rulebook, self._library = rulebook, library
        self._approved: dict[str, tuple[str, str]] = {}  # by name: hash and approver

    def wanted(self) -> list[tuple[Model, str]]:
        """The models that there should be with their approvers, in the order of names, approved ones first."""
        wanted: list[tuple[Model, str]] = []
        for name in sorted({*self._rulebook.models, *self._approved}):
            drafted = self._rulebook.models.get(name)
            hash_, approver = self._approved.get(name, ("", ""))
            approved = self._known(hash_)
            if approved is not None:
                wanted.append((approved, approver))
            if drafted is not None and drafted.hash != hash_:
                wanted.append((drafted, ""))
        return wanted

    def take(self, action: PersonAction) -> str:
        """Take a person's approval; why it counts for nothing, empty if it counts."""
        model = self._known(action.subject)
        if model is None:
            return f"no model with the hash {action.subject[:12]} is installed here"
        if not action.person.strip():
            return "nobody stands behind it"
        if same_person(action.person, model.trainer):
            return f"{action.person} trained {model.name}: a second person approves"
        if not action.comment.strip():
            return "it has no reason"
        self._approved[model.name] = (model.hash, action.person)
        return ""

    def silent(self, watchers: Iterable[Watcher]) -> dict[str, str]:
        """Approved models that do not judge all that they should, by name, and what they do not."""
        found: dict[str, str] = {}
        at_work = {each.model.hash for each in watchers if each.approver}
        for name, (hash_, approver) in self._approved.items():
            if hash_ not in at_work:
                found[name] = (
                    f"The model {name} {hash_[:12]} that {approver} approved is not installed here: it judges nothing."
                )
        for watcher in watchers:
            unfit = watcher.unfit(self._rulebook.units) if watcher.approver else {}
            if unfit:
                told = f"The model {watcher.model.version} that {watcher.approver} approved judges nothing"
                found[watcher.model.name] = f"{told} on {'; nor on '.join(unfit.values())}."
        return found

    def hash_of(self, name: str) -> str:
        """What was approved under a name."""
        return self._approved[name][0]

    def _known(self, hash_: str) -> Model | None:
        drafted = next((each for each in self._rulebook.models.values() if each.hash == hash_), None)
        return drafted if drafted is not None else self._library(hash_)

    def state(self) -> Json:
        """Hash and approver by name."""
        return self._approved

    def load(self, state: Json) -> None:
        """Take back what `state` told, of these rules or of others."""
        self._approved = {name: (hash_, approver) for name, (hash_, approver) in state.items()}


class Silences:
    """The findings that approved models do not judge; told with heartbeats, and cleared when it is over."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._open: dict[str, tuple[Case, str]] = {}  # by name: and what was said

    def beat(
        self, silent: Mapping[str, str], approvals: Approvals, now_ns: int, position: RowPosition
    ) -> list[Finding]:
        """Say what has changed since the last heartbeat."""
        found: list[Finding] = []
        for name in sorted({*silent, *self._open}):
            case, before = self._open.get(name, (None, ""))
            message = silent.get(name, "")
            if message == before:
                continue
            if case is None:
                case = open_case(self._origin, "model.missing", name, now_ns, position, None)
            evidence = {"model": approvals.hash_of(name)}
            if message:
                self._open[name] = (case, message)
                found.append(case.say(Stage.OPEN, now_ns, message, evidence))
            else:
                del self._open[name]
                words = f"The model {name} that is approved judges again all that it should."
                found.append(case.say(Stage.CLEARED, now_ns, words, evidence, now_ns))
        return found

    def state(self) -> Json:
        """All of it."""
        return {name: [case.state(), message] for name, (case, message) in sorted(self._open.items())}

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._open = {name: (case_from(case), message) for name, (case, message) in state.items()}
