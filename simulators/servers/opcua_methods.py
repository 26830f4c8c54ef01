"""The control interface as OPC UA methods: `Bench/Advance`, `Bench/Inject`, `Bench/Clear`."""

import json
import logging
from collections.abc import Awaitable, Callable

from asyncua import Server, ua

from simulators.live import NotPossible
from simulators.servers.control_desk import Desk, Json

logger = logging.getLogger(__name__)

_Action = Callable[[str], Awaitable[Json]]


class BenchMethods:
    """Adds the object `Bench` to a server. Until there is a `desk`, its methods answer Bad_InvalidState.

    Each method takes one string and answers one, JSON as HTTP has it. What is refused is Bad_InvalidArgument (an id
    that is not there: Bad_NotFound), with the reason in the diagnostics of the argument.
    """

    def __init__(self) -> None:
        self.desk: Desk | None = None

    async def add(self, server: Server, namespace: int) -> None:
        """Add the object under a namespace index."""
        name = ua.QualifiedName("Bench", namespace)
        bench = await server.nodes.objects.add_object(ua.NodeId("Bench", namespace), name)
        for method, action, takes in (
            ("Advance", self._advance, "by"),
            ("Inject", self._inject, "fault"),
            ("Clear", self._clear, "id"),
        ):
            await bench.add_method(
                ua.NodeId(f"Bench.{method}", namespace),
                ua.QualifiedName(method, namespace),
                self._called(action),
                [_argument(takes)],
                [_argument("answer")],
            )

    def _called(self, action: _Action) -> Callable[..., Awaitable[list[ua.Variant] | ua.CallMethodResult]]:
        async def call(_: ua.NodeId, argument: ua.Variant) -> list[ua.Variant] | ua.CallMethodResult:
            if self.desk is None:
                return ua.CallMethodResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadInvalidState))
            try:
                answer = await action(str(argument.Value))
            except NotPossible as refusal:
                return _refusal(ua.StatusCodes.BadInvalidArgument, f"{refusal.field}: {refusal}")
            except KeyError as missing:
                return _refusal(ua.StatusCodes.BadNotFound, f"id: there is no fault {missing.args[0]!r}")
            return [ua.Variant(json.dumps(answer), ua.VariantType.String)]

        return call

    async def _advance(self, by: str) -> Json:
        return await self._at_desk().advance({"by": by})

    async def _inject(self, fault: str) -> Json:
        try:
            body: object = json.loads(fault)
        except ValueError as error:
            raise NotPossible("fault", f"it is no JSON: {error}") from error
        return await self._at_desk().inject(body)

    async def _clear(self, fault_id: str) -> Json:
        return await self._at_desk().clear(fault_id)

    def _at_desk(self) -> Desk:
        assert self.desk is not None
        return self.desk


def _argument(name: str) -> ua.Argument:
    return ua.Argument(Name=name, DataType=ua.NodeId(ua.ObjectIds.String), ValueRank=-1)


def _refusal(code: int, reason: str) -> ua.CallMethodResult:
    logger.info("a call is refused: %s", reason)
    result = ua.CallMethodResult(StatusCode=ua.StatusCode(code))
    result.InputArgumentResults = [ua.StatusCode(code)]
    result.InputArgumentDiagnosticInfos = [ua.DiagnosticInfo(AdditionalInfo=reason)]
    return result
