"""Who asks: a key, or without any key a caller on this machine.

Once a key was made, every route but /healthz and /readyz wants one. Until then the service answers callers on this
machine alone, whatever bearer they send. A request that another server has passed on comes from elsewhere. Figures are
for admins, and for what collects them on this machine.

This is plain ASGI, and stands before every route: none can forget it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from fastapi import Request

import ragstone
from ragstone import Key, Payer, errors
from ragstone_app.asgi import App, Event, Receive, Send
from ragstone_app.refusing import refuse

__all__ = ["CALLER", "Access", "Caller", "caller_of"]

OPEN = ("/healthz", "/readyz")  # of a load balancer, which has no key
FIGURES = "/metrics"
PASSED_ON = (b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via")
LOOPBACK = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?")
CALLER = "ragstone.caller"
NOT_HERE = "there are no keys yet, so the service answers callers on its own machine alone"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. Without a key it is somebody on this machine, who may act for anyone."""

    key: Key | None = None

    @property
    def admin(self) -> bool:
        """Whether everything is allowed."""
        return self.key is None or self.key.admin

    @property
    def payer(self) -> Payer:
        """Whom the ledger counts its calls for."""
        return Payer() if self.key is None else self.key.payer

    def tenant(self, asked: str | None = None) -> str:
        """The tenant that is asked for, or the key's own. Raises AccessDenied for another one."""
        own = "default" if self.key is None else self.key.tenant
        if asked is None or asked == own or self.admin:
            return asked or own
        raise errors.AccessDenied(f"the key does not allow tenant {asked[:80]!r}", hint="Leave out `tenant`.")

    def principals(self, asked: Iterable[str] | None = None) -> tuple[str, ...]:
        """Those that are asked for, or all of the key's. Raises AccessDenied for one that the key has not."""
        own = () if self.key is None else self.key.principals
        if asked is None:
            return own
        wanted = tuple(dict.fromkeys(asked))
        if not self.admin and (strange := [one for one in wanted if one not in own]):
            raise errors.AccessDenied(
                f"the key does not allow principal {strange[0][:80]!r}", hint="Leave out `principals`."
            )
        return wanted

    def demand_admin(self) -> None:
        """Raises AccessDenied for a key without `admin`."""
        if not self.admin:
            raise errors.AccessDenied(
                "the key does not allow this", hint="It takes a key of `ragstone key create … --admin`."
            )


def caller_of(request: Request) -> Caller:
    """Who asks, for a route: `caller: Caller = Depends(caller_of)`."""
    found: Caller = request.scope[CALLER]
    return found


class Access:
    """Lets in who may come in, and says in the scope who it is."""

    def __init__(self, app: App, rag: ragstone.AsyncRag) -> None:
        self._app, self._keys = app, rag.keys()

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        try:
            scope[CALLER] = await self._caller(scope)
        except errors.RateLimited as error:
            await refuse(scope, send, error, status=429, code="rate_limit_exceeded")
        except errors.AccessDenied as error:
            demand = {"www-authenticate": "Bearer"}
            await refuse(scope, send, error, status=401, code="invalid_api_key", headers=demand)
        except errors.StateError as error:  # who cannot be told apart is not let in
            await refuse(scope, send, error, status=503, code="unavailable")
        else:
            await self._app(scope, receive, send)

    async def _caller(self, scope: Event) -> Caller:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        sent = {name for name, _ in headers}
        here = _here(scope.get("client")) and sent.isdisjoint(PASSED_ON) and _meant(headers)
        if here and scope["path"] == FIGURES and b"authorization" not in sent:
            return Caller()
        if await self._keys.exist():
            return Caller(await self._keys.admit(_bearer(headers)))
        if not here:
            raise errors.AccessDenied(NOT_HERE, hint="Make one on its machine: ragstone key create NAME --admin")
        return Caller()


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key that was sent. OpenAI's clients send it as a bearer."""
    given = [value for name, value in headers if name == b"authorization"]
    scheme, _, token = (given[0] if len(given) == 1 else b"").partition(b" ")
    if scheme.lower() != b"bearer":
        hint = "Send `Authorization: Bearer rgs_…` with a key of `ragstone key create`."
        raise errors.AccessDenied("a key is needed", hint=hint)
    return token.strip().decode("latin-1")


def _meant(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request names this machine as its host: a stranger's page can have its own name lead here."""
    hosts = [value for name, value in headers if name == b"host"]
    return len(hosts) == 1 and LOOPBACK.fullmatch(hosts[0].lower()) is not None


def _here(client: tuple[str, int] | None) -> bool:
    """Whether a caller is on this machine. A socket without an address is a file of this machine's."""
    if client is None or not client[0]:
        return True
    try:
        address = ip_address(client[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
