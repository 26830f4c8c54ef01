"""A broker that is restarted, with or without what it had kept, or whose queues are too small."""

import asyncio

from simulators.faults.spec import FaultChange, FaultSpec
from simulators.servers.broker import Broker
from simulators.servers.mqtt_faults import number, setting


class CannotBreak(RuntimeError):
    """A fault that needs a broker which this bench started and can stop; the message names the fault."""


class BrokerFaults:
    """Breaks one broker; None: it is somebody else's."""

    def __init__(self, broker: Broker | None) -> None:
        self._broker = broker

    async def change(self, change: FaultChange) -> None:
        """Begin or end a fault of the broker; other kinds are ignored. CannotBreak, BrokerFailed."""
        if change.spec.kind == "broker_restart":
            await asyncio.to_thread(self._restart, self._ours(change.spec), change)
        elif change.spec.kind == "broker_queue_overflow":
            queue = max(1, round(number(change.spec, "limit"))) if change.active else None
            await asyncio.to_thread(self._ours(change.spec).limit_queues, queue)

    def _ours(self, spec: FaultSpec) -> Broker:
        if self._broker is None:
            message = f"fault {spec.id!r} ({spec.kind}) needs a broker that the bench started itself"
            raise CannotBreak(message)
        return self._broker

    @staticmethod
    def _restart(broker: Broker, change: FaultChange) -> None:
        """It is away for as long as the fault lasts; a fault without an end is a restart at once."""
        kept = setting(change.spec, "persistence") == "kept"
        if change.active:
            broker.halt(saving=kept)
        if not change.active or change.spec.lasts_s is None:
            broker.resume()
