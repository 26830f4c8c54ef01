"""A real OPC UA server of consecutive counters: `python -m tests.acceptance.service.counter_server PORT TAGS TRUTH`.

Every value it gives to a node is first written to the TRUTH file as `tag value time_ns`.
"""

import asyncio
import logging
import sys
import time
from datetime import UTC, datetime

from asyncua import Server, ua

URI = "urn:example:counters"
EVERY_S = 0.1


async def serve(port: int, tags: int, truth: str) -> None:
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(URI)
    nodes = [
        await server.nodes.objects.add_variable(ua.NodeId(f"C{tag}", index), f"C{tag}", 0.0) for tag in range(tags)
    ]
    with open(truth, "a", buffering=1) as log:
        async with server:
            print("ready", flush=True)
            value = 0
            while True:
                value += 1
                now_ns = time.time_ns() // 1000 * 1000  # a DateTime has 100 ns, a datetime 1 µs
                stamp = datetime.fromtimestamp(now_ns // 10**9, UTC).replace(microsecond=now_ns // 1000 % 10**6)
                log.write("".join(f"C{tag} {value} {now_ns}\n" for tag in range(tags)))
                for node in nodes:
                    await server.write_attribute_value(
                        node.nodeid,
                        ua.DataValue(ua.Variant(float(value), ua.VariantType.Double), SourceTimestamp=stamp),
                    )
                await asyncio.sleep(EVERY_S)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
