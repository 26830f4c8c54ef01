"""The model servers behind a configuration's sources, and what each has sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from random import Random
from typing import Final, Protocol

from collector.mqtt.frames import Publish
from collector.mqtt.payloads import PayloadReader, Reading
from collector.mqtt.source import MqttSource
from collector.opcua.addresses import parse_address
from collector.opcua.source import OpcUaSource
from domain.ports import Clock, Source
from domain.status import TIME_FROM_RECEIPT
from domain.tags import Tag, TagId
from service.bench.accounts import Sent, number_key, text_key
from service.bench.links import ModelOpcUaLink, OpcUaPost
from service.bench.mqtt_link import ModelMqttLink
from service.bench.wires import NETWORK_KINDS, Network
from service.config.build import Configuration
from service.sources import mqtt_settings, opcua_settings, route_of
from simulators.faults.spec import FaultChange
from simulators.model.broker import USUAL_QUEUE, ModelBroker
from simulators.model.opcua import NAMESPACE, ModelOpcUaServer
from simulators.model.opcua_subscription import Served
from simulators.outlets import Update
from simulators.servers.mqtt import MqttOutlet
from simulators.servers.mqtt_payloads import Format, JsonFormat, Message, PublishedTag, UnsFormat

PUBLISH: Final = 0x32  # with QoS 1
_READ_TOGETHER: Final = 1000  # messages
_BROKER_KINDS: Final = frozenset({"broker_restart", "broker_queue_overflow"})


class Supplier(Protocol):
    """The model server of one source, with the way to it."""

    network: Network

    @property
    def sent(self) -> Mapping[str, Sent]:
        """Everything that it gave out, by tag."""
        ...

    def concerns(self, change: FaultChange) -> bool:
        """Whether a fault hits this server, the way to it, or one of its tags."""
        ...

    async def write(self, updates: Sequence[Update]) -> None:
        """New values of its tags, in order."""
        ...

    async def fault(self, change: FaultChange) -> None:
        """A fault of it begins or ends."""
        ...

    def source(self, tags: Sequence[Tag], state: str | None) -> Source:
        """The collector's source of it, as the service makes one at each start."""
        ...

    @property
    def has_given_all(self) -> bool:
        """Whether somebody listens, and nothing waits to be given out or acknowledged."""
        ...

    def power_cut(self) -> None:
        """The machine of the service is off, and nobody tells the server."""
        ...


class OpcUaSupplier:
    """An OPC UA server."""

    def __init__(self, configuration: Configuration, name: str, clock: Clock, network: Network) -> None:
        section = configuration.sources[name].opcua
        assert section is not None
        self.network = network
        self._settings = opcua_settings(configuration, name, section)
        self._clock = clock
        addresses = {tag.name: parse_address(tag.address) for tag in configuration.tags if tag.source == name}
        self._node_of = {tag: address.identifier for tag, address in addresses.items()}
        self._tag_of = {node: tag for tag, node in self._node_of.items()}
        self._sent = {tag: Sent() for tag in addresses}
        namespace = next((address.uri for address in addresses.values() if address.uri), NAMESPACE)
        self.server = ModelOpcUaServer(self._tag_of, clock.now_ns, namespace=namespace)
        self.server.served = self._note
        self._post = OpcUaPost(self.server, network, clock.now_ns)
        self._links: list[ModelOpcUaLink] = []

    @property
    def sent(self) -> Mapping[str, Sent]:
        """Everything that the server could give out, by tag."""
        return self._sent

    def concerns(self, change: FaultChange) -> bool:
        """Whether a fault hits this server, the way to it, or one of its tags."""
        return change.spec.target in ("opcua", self._settings.name) or change.spec.target in self._sent

    async def write(self, updates: Sequence[Update]) -> None:
        """New values of its tags, in order."""
        nodes = self._node_of
        told = [each if nodes[each.name] == each.name else replace(each, name=nodes[each.name]) for each in updates]
        await self.server.write(told)
        self._post.settle()

    async def fault(self, change: FaultChange) -> None:
        """A fault of it begins or ends."""
        if change.spec.kind in NETWORK_KINDS:
            self.network.fault(change)
            return
        node = self._node_of.get(change.spec.target)
        spec = change.spec if node is None else replace(change.spec, target=node)
        await self.server.fault(replace(change, spec=spec))
        self._post.settle()

    def source(self, tags: Sequence[Tag], state: str | None) -> Source:
        """The collector's source of it, as the service makes one at each start."""
        settings = self._settings
        link = ModelOpcUaLink(self._post, self._clock.now_ns, settings.step_s, settings.session_s)
        self._links = [link]
        return OpcUaSource(settings, tags, self._clock, state, link)

    @property
    def has_given_all(self) -> bool:
        """Whether somebody listens, and nothing waits to be given out."""
        return self.server.has_given_all

    def power_cut(self) -> None:
        """The machine of the service is off, and nobody tells the server."""
        for link in self._links:
            link.vanish()

    def _note(self, node: str, served: Served) -> None:
        now_ns = self._clock.now_ns()
        told_ns = served.server_ns if served.source_ns is None else served.source_ns
        time_ns = None if told_ns is None else told_ns // 100 * 100  # the wire counts in 100 ns
        value = served.value
        if isinstance(value, str):
            key = text_key(time_ns, value, served.status)
        else:
            key = number_key(time_ns, float(value), served.status)
        self._sent[self._tag_of[node]].add(key, now_ns)


class MqttSupplier:
    """A broker, and the device that publishes to it."""

    def __init__(
        self,
        configuration: Configuration,
        name: str,
        clock: Clock,
        network: Network,
        chance: Random,
        seed: int,
        broker_queue: int | None,
    ) -> None:
        section = configuration.sources[name].mqtt
        assert section is not None
        self.network = network
        settings = mqtt_settings(configuration, name, section)
        self._settings = settings if broker_queue is None else replace(settings, broker_queue=broker_queue)
        self._configuration = configuration
        self._clock = clock
        self._chance = chance
        tags = [replace(tag, id=TagId(id_)) for id_, tag in enumerate(configuration.tags) if tag.source == name]
        self._tags = {int(tag.id): tag.name for tag in tags}
        self._sent = {tag.name: Sent(by_sending=True) for tag in tags}
        self._taken = {tag.name: Sent(by_sending=True) for tag in tags}
        self._unread: list[tuple[Publish, int]] = []  # sent, and when
        self._acknowledged: list[tuple[Publish, int]] = []
        self._reader = PayloadReader(name, [route_of(configuration, tag) for tag in tags], tags)
        self.broker = ModelBroker(clock.now_ns, USUAL_QUEUE if broker_queue is None else broker_queue)
        self.broker.hang_up = network.hang_up
        self.broker.took = self._note
        self._outlet = MqttOutlet(self.broker, _format(configuration, tags), None, seed)
        self._links: list[ModelMqttLink] = []

    @property
    def sent(self) -> Mapping[str, Sent]:
        """Everything that was published and can be read, by tag."""
        self._unread = self._read(self._unread, self._sent)
        return self._sent

    def watch_acknowledged(self) -> None:
        """From here on note what the service acknowledges."""
        self.broker.acknowledged = self._note_taken

    @property
    def acknowledged(self) -> Mapping[str, Sent]:
        """Everything that the service has acknowledged, by tag: it must be kept, whatever gaps there are."""
        self._acknowledged = self._read(self._acknowledged, self._taken)
        return self._taken

    def concerns(self, change: FaultChange) -> bool:
        """Whether a fault hits this broker, the way to it, or one of its tags."""
        return change.spec.target in ("mqtt", self._settings.name) or change.spec.target in self._sent

    async def write(self, updates: Sequence[Update]) -> None:
        """New values of its tags, in order."""
        await self._outlet.write(updates)

    def tell(self, messages: Sequence[Message]) -> None:
        """Take what a batch system tells; it is sent behind the next values."""
        self._outlet.beside += messages

    async def fault(self, change: FaultChange) -> None:
        """A fault of it begins or ends."""
        if change.spec.kind in NETWORK_KINDS:
            self.network.fault(change)
        elif change.spec.kind in _BROKER_KINDS:
            self.broker.fault(change)
        else:
            await self._outlet.fault(change)

    def source(self, tags: Sequence[Tag], state: str | None) -> Source:
        """The collector's source of it, as the service makes one at each start."""
        routes = [route_of(self._configuration, tag) for tag in tags]
        make_link: Callable[..., ModelMqttLink] = partial(
            ModelMqttLink, broker=self.broker, network=self.network, chance=self._chance
        )

        def linked(*arguments: object, **named: object) -> ModelMqttLink:
            link = make_link(*arguments, **named)
            self._links = [link]
            return link

        return MqttSource(self._settings, tags, routes, self._clock, state, linked, self.network.loop.time)

    @property
    def has_given_all(self) -> bool:
        """Whether somebody listens, and nothing waits to be given out or acknowledged."""
        return self.broker.has_given_all

    def power_cut(self) -> None:
        """The machine of the service is off, and nobody tells the broker."""
        for link in self._links:
            link.vanish()

    def _note(self, message: Message) -> None:
        told = _published(message), self._clock.now_ns()
        # A packet that its publisher repeats is published twice: MQTT has no way to tell a reader that it is the same.
        self._unread += [told, told] if message.again else [told]
        if len(self._unread) >= _READ_TOGETHER:
            self._unread = self._read(self._unread, self._sent)

    def _note_taken(self, message: Message) -> None:
        self._acknowledged.append((_published(message), self._clock.now_ns()))
        if len(self._acknowledged) >= _READ_TOGETHER:
            self._acknowledged = self._read(self._acknowledged, self._taken)

    def _read(self, messages: list[tuple[Publish, int]], into: Mapping[str, Sent]) -> list[tuple[Publish, int]]:
        """Note what a perfect reader reads, by tag; what cannot be read has no value. No message is left."""
        for at_ns, together in groupby(messages, key=itemgetter(1)):
            sent = [message for message, _ in together]
            reading = self._reader.read(sent, at_ns, {})
            if not reading.identities:  # each has a time of its own
                self._take(reading, at_ns, into)
                continue
            for message in sent:
                self._take(self._reader.read([message], at_ns, {}), at_ns, into)
        return []

    def _take(self, reading: Reading, at_ns: int, into: Mapping[str, Sent]) -> None:
        if reading.samples is not None:
            rows = reading.samples
            for tag, time_ns, value, status in zip(
                rows.tag.tolist(), rows.time_ns.tolist(), rows.value.tolist(), rows.status.tolist(), strict=True
            ):
                known = None if status & TIME_FROM_RECEIPT else time_ns
                into[self._tags[tag]].add(number_key(known, value, status), at_ns)
        if reading.texts is not None:
            texts = reading.texts
            for tag, time_ns, text, status in zip(texts.tag, texts.time_ns, texts.value, texts.status, strict=True):
                known = None if status & TIME_FROM_RECEIPT else time_ns
                into[self._tags[tag]].add(text_key(known, text, status), at_ns)


def _published(message: Message) -> Publish:
    return message.topic.encode(), message.payload, 1, PUBLISH


def _format(configuration: Configuration, tags: Sequence[Tag]) -> Format:
    """The style in which the configuration reads its messages."""
    routes = [configuration.routes[tag.name] for tag in tags]
    published = [
        PublishedTag(tag.name, unit=tag.unit, topic=route.topic) for tag, route in zip(tags, routes, strict=True)
    ]
    is_uns = any(route.value.startswith("/value") for route in routes)
    return UnsFormat(published) if is_uns else JsonFormat(published)


def supplier_of(
    configuration: Configuration,
    name: str,
    clock: Clock,
    network: Network,
    *,
    chance: Random,
    seed: int,
    broker_queue: int | None,
) -> Supplier:
    """The model server for a source. `broker_queue`: messages that a broker keeps, as is known; None: as usual."""
    if configuration.sources[name].opcua is not None:
        return OpcUaSupplier(configuration, name, clock, network)
    return MqttSupplier(configuration, name, clock, network, chance, seed, broker_queue)
