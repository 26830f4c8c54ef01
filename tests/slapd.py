"""A real directory for tests: OpenLDAP's slapd on the loopback, in a folder of its own, in clear, by StartTLS and LDAPS."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyasn1.codec.ber import decoder, encoder
from pyasn1_modules import rfc2251

from service.login.directory import Server
from service.login.ldap_connection import Connection
from tests.certificates import Made, make
from tests.patience import LIMIT_S
from tests.ports import free_port

TREE = "dc=plant,dc=example"
PEOPLE, GROUPS = f"ou=people,{TREE}", f"ou=groups,{TREE}"
LOOKER, LOOKER_PASSWORD = f"cn=thermowell,{TREE}", "looks and changes nothing"
LISE_PASSWORD, OTTO_PASSWORD, OTHER_ADA = "words of lise in the directory", "words of otto", "words of another ada"
_ROOT, _ROOT_PASSWORD = f"cn=root,{TREE}", "of the test alone"

_PROGRAM = shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin:/usr/lib/openldap:/usr/libexec")
_SCHEMAS = next(
    (found for place in ("/etc/ldap/schema", "/etc/openldap/schema") if (found := Path(place)).is_dir()), None
)
needs_slapd = pytest.mark.skipif(
    _PROGRAM is None or _SCHEMAS is None, reason="slapd is not installed: signing in by a directory is not tried"
)

_CONFIGURATION = """
include {schemas}/core.schema
pidfile {folder}/pid
TLSCertificateFile {pair.certificate}
TLSCertificateKeyFile {pair.key}
allow bind_anon_dn
database ldif
directory {folder}/data
suffix "{tree}"
rootdn "{root}"
rootpw "{root_password}"
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="{groups}" by users read
access to * by dn.exact="{looker}" read by self read by * none
"""
_ENTRY = """
dn: uid={uid},{people}
objectClass: person
objectClass: uidObject
uid: {uid}
cn: {cn}
sn: {uid}
userPassword: {password}
"""
_TREE = f"""
dn: {TREE}
objectClass: dcObject
objectClass: organization
o: the plant
dc: plant

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: {LOOKER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: thermowell
userPassword: {LOOKER_PASSWORD}
"""


@dataclass
class Slapd:
    """A directory with Lise, of quality, Otto, of nothing here, and an Ada, who operates."""

    folder: Path
    port: int
    tls_port: int
    pair: Made
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it listens."""
        assert _PROGRAM is not None
        places = f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port}"
        with (self.folder / "log").open("ab") as log:
            command = [_PROGRAM, "-f", str(self.folder / "slapd.conf"), "-h", places, "-d", "0"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until_s = time.monotonic() + LIMIT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.tls_port)):
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until_s
            time.sleep(0.02)

    def stop(self) -> None:
        """It is away from now on."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(LIMIT_S)
            self.process = None

    def put(self, group: str, *uids: str) -> None:
        """Who is in a group from now on."""
        members = [f"uid={uid},{PEOPLE}".encode() for uid in uids]
        self._replace(f"cn={group},{GROUPS}", "member", members)

    def _replace(self, dn: str, attribute: str, values: list[bytes]) -> None:
        server = Server("127.0.0.1", self.port, "never")
        with closing(Connection(server, time.monotonic() + LIMIT_S)) as connection:
            assert connection.bind(_ROOT, _ROOT_PASSWORD)
            message = rfc2251.LDAPMessage()
            message["messageID"] = 2
            request = message["protocolOp"]["modifyRequest"]
            request["object"] = dn.encode()
            change = request["modification"][0]
            change["operation"], change["modification"]["type"] = "replace", attribute.encode()
            change["modification"]["vals"].extend(values)
            connection._socket.sendall(encoder.encode(message))
            answered = decoder.decode(connection._message(), asn1Spec=rfc2251.LDAPMessage())[0]
            assert int(answered["protocolOp"]["modifyResponse"]["resultCode"]) == 0


def _loaded(folder: Path, pair: Made) -> None:
    assert _PROGRAM is not None
    (folder / "data").mkdir()
    told = _CONFIGURATION.format(
        schemas=_SCHEMAS,
        folder=folder,
        pair=pair,
        tree=TREE,
        groups=GROUPS,
        root=_ROOT,
        root_password=_ROOT_PASSWORD,
        looker=LOOKER,
    )
    (folder / "slapd.conf").write_text(told)
    people = [
        ("lise", "Lise Meitner", LISE_PASSWORD),
        ("otto", "Otto Hahn", OTTO_PASSWORD),
        ("ada", "Another Ada", OTHER_ADA),
    ]
    entries = [_ENTRY.format(people=PEOPLE, uid=uid, cn=cn, password=secret) for uid, cn, secret in people]
    groups = [
        f"dn: cn={name},{GROUPS}\nobjectClass: groupOfNames\ncn: {name}\nmember: uid={who},{PEOPLE}\n"
        for name, who in (("tw-qa", "lise"), ("tw-operators", "ada"), ("others", "otto"))
    ]
    (folder / "tree.ldif").write_text("\n".join((_TREE, *entries, "", "\n".join(groups))))
    command = [_PROGRAM, "-T", "add", "-f", str(folder / "slapd.conf"), "-l", str(folder / "tree.ldif")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def a_slapd(folder: Path) -> Iterator[Slapd]:
    """One, until the end of the block."""
    pair = make(folder / "tls", "directory.example")
    _loaded(folder, pair)
    served = Slapd(folder, free_port(), free_port(), pair)
    served.start()
    try:
        yield served
    finally:
        served.stop()
