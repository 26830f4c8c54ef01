"""The link in life: asyncua's secure channel and session, with a limit on every step and a guard on every request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from asyncua import Client, ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.common.utils import Buffer
from asyncua.crypto import security_policies
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from collector.opcua.inbox import Inbox
from collector.opcua.link import READ_ONLY, LinkLost, Opening, ServiceRefused
from collector.opcua.settings import OpcUaSettings, Security
from collector.opcua.trust import APPLICATION_URI, check_trusted, own_certificate
from collector.opcua.wire import Answer, PublishEncoder, read_publish, read_republish
from domain.errors import BadMessage, Refused

logger = logging.getLogger(__name__)

Response = TypeVar("Response")
_MOST_CERTIFICATE_BYTES = 1 << 20


class _Slot:
    """Stands where asyncua expects a future, and takes the answer the moment it is read from the socket."""

    __slots__ = ("_epoch", "_link")

    def __init__(self, link: "AsyncuaLink", epoch: int) -> None:
        self._link, self._epoch = link, epoch

    def done(self) -> bool:
        return False

    def set_result(self, body: Buffer) -> None:
        self._link.arrived(self._epoch, body)

    def set_exception(self, error: BaseException) -> None:
        self._link.failed(self._epoch, error)


def guard(request: object) -> None:
    """Refuse to send what is not on the read-only list."""
    name = type(request).__name__
    if name not in READ_ONLY:
        raise Refused(f"{name} is not sent: this program only reads")


class AsyncuaLink:
    """One server. `now_ns` stamps what arrives."""

    def __init__(self, settings: OpcUaSettings, now_ns: Callable[[], int]) -> None:
        self._settings = settings
        self._now_ns = now_ns
        self._client: Client | None = None
        self._is_doubtful = False  # a client that did not get through is made anew, with the certificate of then
        self._encoder: PublishEncoder | None = None
        self._inbox = Inbox()
        self._epoch = 0  # answers of an earlier connection are none of ours
        self.in_flight = 0

    async def open(self) -> Opening:
        """Connect; LinkLost or ServiceRefused: the server is away or unwilling; Refused: a person must act."""
        await self.drop()
        opening = await self._limited(self._connect(), "connect", steps=4)
        assert self._client is not None
        self._encoder = PublishEncoder(self._client.uaclient.session.authentication_token)
        self._inbox.open()
        self.in_flight = 0
        return opening

    async def _connect(self) -> Opening:
        client = self._client
        if client is None:
            client = await self._new_client()
        self._client = client
        await client.connect_socket()
        await client.send_hello()
        # A server that is away keeps our session; one that is there may have another certificate since last time.
        self._is_doubtful = self._settings.security is not Security.NONE
        await client.open_secure_channel()
        session = client.uaclient.session
        if session.has_session:
            session.rebind_authentication_token()
            try:
                await self._activate(client)
            except UaStatusCodeError as error:
                about = {"source": self._settings.name}
                logger.info("%s: session not resumed: %s", self._settings.name, error, extra=about)
                session.reset_authentication_token()
            else:
                self._is_doubtful = False
                client._start_renew_loop()  # noqa: SLF001  # asyncua's connect() would start its own publish loop too
                return Opening.REUSED
        await client.create_session()
        await self._activate(client)
        self._is_doubtful = False
        client._start_renew_loop()  # noqa: SLF001  # as above
        return Opening.NEW

    async def _activate(self, client: Client) -> None:
        password = self._settings.password_file
        secret = None if password is None else (await asyncio.to_thread(password.read_text)).rstrip("\r\n")
        await client.activate_session(username=self._settings.user or None, password=secret)

    async def _new_client(self) -> Client:
        settings = self._settings
        # The configured URL is what we connect to, whatever host name the server advertises.
        client = Client(settings.url, timeout=settings.step_s, watchdog_intervall=3600)
        client.name = client.description = f"Thermowell {settings.name}"
        client.application_uri = APPLICATION_URI
        client.session_timeout = int(settings.session_s * 1000)
        uaclient = client.uaclient
        uaclient.pre_request_hook = None
        send: Callable[..., Awaitable[Buffer]] = uaclient._send_request  # noqa: SLF001  # the one way out, guarded

        async def guarded(request: object, *arguments: object, **named: object) -> Buffer:
            guard(request)
            return await send(request, *arguments, **named)

        uaclient._send_request = guarded  # noqa: SLF001  # as above
        if settings.security is not Security.NONE:
            await self._secure(client)
        return client

    async def _secure(self, client: Client) -> None:
        """Ask for the endpoints in clear, check the server's certificate, then set the policy."""
        settings = self._settings
        mode = getattr(ua.MessageSecurityMode, settings.security_mode.value)
        policy = security_policies.SecurityPolicyBasic256Sha256
        endpoints = await client.connect_and_get_server_endpoints()
        try:
            endpoint = Client.find_endpoint(endpoints, mode, policy.URI)
        except UaError as error:
            offered = sorted(
                {f"{one.SecurityPolicyUri.rpartition('#')[2]}/{one.SecurityMode.name.rstrip('_')}" for one in endpoints}
            )
            wanted = f"{settings.security.value}/{settings.security_mode.value}"
            raise Refused(f"{settings.url}: does not offer {wanted}, only {', '.join(offered)}") from error
        server = bytes(endpoint.ServerCertificate)
        server = server[: int.from_bytes(server[2:4], "big") + 4]  # the leading certificate of a chain
        await asyncio.to_thread(check_trusted, server, settings.trust_dir, settings.url)
        certificate, key = await asyncio.to_thread(own_certificate, settings.certificate_dir)
        await client.set_security(policy, str(certificate), str(key), server_certificate=server, mode=mode)

    async def _limited(self, step: Awaitable[Response], what: str, steps: int = 1) -> Response:
        """Run a step within its time and name what failed."""
        try:
            async with asyncio.timeout(self._settings.step_s * steps):
                return await step
        except UaStatusCodeError as error:
            raise ServiceRefused(int(error.code), what) from error
        except TimeoutError as error:
            raise LinkLost(f"{what}: no answer within {self._settings.step_s * steps:g} s") from error
        except (OSError, UaError) as error:
            raise LinkLost(f"{what}: {error or type(error).__name__}") from error

    async def ask(self, request: object, response_type: type[Response]) -> Response:
        """Send a request and return its response, a good one; ServiceRefused or LinkLost otherwise."""
        body = await self._send(request)
        response: Response = struct_from_binary(response_type, body)
        return response

    async def republish(self, subscription: int, sequence: int) -> Answer:
        """Ask for a message that the server may still keep."""
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = subscription
        request.Parameters.RetransmitSequenceNumber = sequence
        try:
            body = await self._send(request)
        except ServiceRefused as refusal:
            return Answer(refusal.status, None)
        return read_republish(bytes(body), subscription)

    async def _send(self, request: object) -> Buffer:
        client = self._client
        if self._inbox.lost or client is None:
            raise LinkLost(self._inbox.lost)
        name = type(request).__name__.removesuffix("Request")
        return await self._limited(client.uaclient.session._send_request(request), name)  # noqa: SLF001  # guarded above

    def publish(self, acknowledgements: list[tuple[int, int]], count: int) -> None:
        """Send some Publish requests at once, the first with what is durable; answers arrive in `arrivals`."""
        protocol: UASocketProtocol | None = None if self._client is None else self._client.uaclient.protocol
        if self._inbox.lost or protocol is None or protocol.transport is None or self._encoder is None:
            return  # `arrivals` tells of the loss
        # asyncua's own way in, without its request objects: they cost as much as decoding 1,000 values.
        protocol.revolve_security_token()
        requests = []
        for _ in range(count):
            protocol._request_handle += 1  # noqa: SLF001
            body = self._encoder.encode(protocol._request_handle, acknowledgements)  # noqa: SLF001
            protocol._request_id += 1  # noqa: SLF001
            request_id = protocol._request_id  # noqa: SLF001
            protocol._callbackmap[request_id] = _Slot(self, self._epoch)  # noqa: SLF001
            requests.append(protocol._connection.message_to_binary(body, request_id=request_id))  # noqa: SLF001
            acknowledgements = []
        protocol.transport.write(b"".join(requests))
        self.in_flight += count

    def arrived(self, epoch: int, body: Buffer) -> None:
        """Take the answer to a Publish from the socket."""
        if epoch != self._epoch:
            return
        self.in_flight -= 1
        try:
            answer = read_publish(bytes(body))
        except BadMessage as error:
            self.failed(epoch, error)
            return
        self._inbox.put(self._now_ns(), answer)

    def failed(self, epoch: int, error: BaseException) -> None:
        """Note that the connection is gone."""
        if epoch == self._epoch:
            self._inbox.lose(f"connection lost: {error or type(error).__name__}")
            self.wake()

    async def arrivals(self, within_s: float) -> list[tuple[int, Answer]]:
        """What came for Publish requests, and when; empty after the time or a `wake`; LinkLost."""
        return await self._inbox.fetch(within_s)

    def wake(self) -> None:
        """Let `arrivals` return at once."""
        self._inbox.wake()

    async def drop(self) -> None:
        """Cut the connection; the session stays on the server for the next `open`."""
        self._epoch += 1
        self._inbox.lose("disconnected")
        client = self._client
        if client is None:
            return
        protocol = client.uaclient.protocol
        if protocol is not None:
            protocol.on_connection_lost = None  # a late farewell must not touch the next connection
            if protocol.transport is not None:
                protocol.transport.abort()
        await client._teardown_transport_only()  # noqa: SLF001  # its renewal task would outlive the connection
        if self._is_doubtful:
            self._client, self._is_doubtful = None, False

    async def leave(self, *, delete_subscriptions: bool) -> None:
        """Close the session in good order and disconnect; a server that does not answer is left alone."""
        client = self._client
        if client is not None and not self._inbox.lost:
            try:
                await self._limited(client.uaclient.session.close_session(delete_subscriptions), "CloseSession")
            except (LinkLost, ServiceRefused) as error:
                logger.info("%s: %s", self._settings.name, error, extra={"source": self._settings.name})
        await self.drop()
