"""Three services in one process for what stands in front of them: at the root, under a prefix, and one with a long past.

Prints their ports as JSON, each on the loopback, and serves until it is killed.
"""

import asyncio
import json
import socket
from dataclasses import replace
from ipaddress import ip_network

from api.app import create_app
from api.dependencies import Dependencies
from api.front import LOOPBACK_HOSTS, Front
from api.serve import serve
from tests.acceptance.api.test_the_served_interface import Long
from tests.acceptance.page.plant import Plant
from tests.unit.api.conftest import a_world

NAMES = ("thermowell.example", "plant.example")
PREFIX = "/thermowell"


def behind(deps: Dependencies, prefix: str = "") -> Dependencies:
    front = Front(proxies=(ip_network("127.0.0.1"),), prefix=prefix, hsts_s=86_400)
    return replace(deps, front=front, allowed_hosts=LOOPBACK_HOSTS | {*NAMES})


async def main() -> None:
    root, prefixed = Plant(), Plant()
    served = {
        "root": behind(root.dependencies()),
        "prefixed": behind(prefixed.dependencies(), PREFIX),
        "long": behind(a_world(history=Long()).deps),
    }
    sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in served}
    print(json.dumps({name: listening.getsockname()[1] for name, listening in sockets.items()}), flush=True)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(root.live(served["root"].feed))
        tasks.create_task(prefixed.live(served["prefixed"].feed))
        for name, deps in served.items():
            tasks.create_task(serve(create_app(deps), "", 0, sockets=[sockets[name]]))


if __name__ == "__main__":
    asyncio.run(main())
