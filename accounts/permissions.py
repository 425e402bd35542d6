"""The door of every view that needs a key: who is it, may it come in, and how much has it left."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts import edge, limits, refusals
from accounts.addresses import Address, caller_address
from accounts.callers import Caller, caller_for
from accounts.keys import bearer
from accounts.limiter.values import Charge
from accounts.limits import Admission, Kind, Standing
from accounts.models import SCOPES
from agentplatform.errors import Forbidden, RateLimited, Unauthenticated, Unavailable, translated
from agentplatform.validation import Body, Query
from agentplatform.views import ApiView


class KeyRequest(Request):
    """A request with its caller, once admitted, and where that caller stands with the limits that applied.

    Of the standings the first is the one that matters most: what refused, or else the kind that was counted.
    """

    caller: Caller
    standings: tuple[Standing, ...] = ()
    is_counted = False


class KeyView(ApiView):
    """The base of views that need a key with the scope `scope`, or with that of their method in `scopes`.

    A view without a scope stops the start: nothing is open because somebody forgot. What a method in `with_query` or
    `with_body` does not read, the caller may not send: a field or parameter that nobody knows is refused everywhere.

    Each call is counted under `calls`, unless the view says `limited_by_itself` and calls `take` when it knows the
    kind. When such a view refuses a call before it took anything, that call is counted under `calls` after all.
    """

    scope: ClassVar[str]
    scopes: ClassVar[Mapping[str, str]] = {}
    with_query: ClassVar[frozenset[str]] = frozenset()
    with_body: ClassVar[frozenset[str]] = frozenset()
    limited_by_itself: ClassVar[bool] = False
    request: KeyRequest

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        if getattr(cls, "scope", None) not in SCOPES:
            raise ImproperlyConfigured(f"{cls.__name__} says in `scope` which of these it needs: {', '.join(SCOPES)}.")
        return super().as_view(**initkwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> KeyRequest:
        return KeyRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    async def admit(self, request: Request) -> None:
        """Let in a caller with a valid key that may be used from here and has the scope.

        Raises Unauthenticated, RateLimited, Forbidden or Unavailable.
        """
        caller = self.request.caller = await _authenticated(self.request)
        structlog.contextvars.bind_contextvars(client_id=str(caller.client_id))
        if not self.limited_by_itself:
            await self.take("calls")
        require_network(caller, caller_address(self.request._request))
        scope = self.scopes.get(request.method or "", self.scope)
        if not caller.has_scope(scope):
            raise _forbidden(
                "scope",
                f"This key lacks the scope “{scope}”; it has: {_listed(caller.scopes) or 'all but keys'}.",
                required=scope,
                allowed=caller.scopes,
            )
        self._refuse_unread()

    def _refuse_unread(self) -> None:
        """Raise InvalidRequest for parameters and fields that no code here would look at."""
        request = self.request._request
        method = "GET" if request.method == "HEAD" else str(request.method)
        if request.META["QUERY_STRING"] and method not in self.with_query:
            self.query(Query)
        if method not in self.with_body and request.body:
            self.body(Body)

    async def take(self, kind: Kind, charge: Charge = limits.FREE) -> Admission:
        """Count this call under a kind, and have the answer's headers tell what is left. Raises RateLimited."""
        try:
            admission = await limits.take(self.request.caller, kind, charge)
        except RateLimited as refusal:
            self.request.standings = (Standing(**refusal.members["limit"]),)
            raise
        self.request.standings = admission.standings
        self.request.is_counted = True
        return admission

    async def is_still_welcome(self) -> bool:
        """Whether the key would be let in again, for an answer that lasts: it may have been revoked, or have expired."""
        try:
            await caller_for(bearer(self.request.headers.get("Authorization", "")))
        except Unauthenticated:
            return False
        except Unavailable:
            return True  # nobody knows; whatever needs the database ends by itself
        return True

    async def refused(self, error: Exception) -> HttpResponseBase:
        """The answer to an exception, which is written down when a rule refused a known caller."""
        error = await self._counted_if_due(error)
        if caller := getattr(self.request, "caller", None) or getattr(error, "caller", None):
            refusals.note(translated(error), caller, self.request._request)
        return await super().refused(error)

    async def _counted_if_due(self, error: Exception) -> Exception:
        is_uncounted = self.limited_by_itself and hasattr(self.request, "caller") and not self.request.is_counted
        return await self._counted(error) if is_uncounted and translated(error).status < 500 else error

    async def _counted(self, error: Exception) -> Exception:
        """Count a refusal as a call and give it back, or the refusal of too many calls in its place."""
        shown = self.request.standings
        try:
            await self.take("calls")
        except RateLimited as refusal:
            return refusal
        self.request.standings = shown or self.request.standings
        return error

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in standing_headers(self.request.standings).items():
            response[name] = value
        return response


def require_agent_type(caller: Caller, slug: str) -> None:
    """Raise Forbidden when the caller's key may not call this agent type."""
    allowed = caller.allowed_agent_types
    if allowed and slug not in allowed:
        detail = f"This key may not call the agent type “{slug}”; it may call: {_listed(allowed)}."
        raise _forbidden("agent_type", detail, required=slug, allowed=allowed)


def require_network(caller: Caller, address: Address | None) -> None:
    """Raise Forbidden when the caller's key may not be used from this address."""
    networks = caller.allowed_networks
    if networks and not any(address in network for network in networks if address is not None):
        allowed = [str(network) for network in networks]
        here = str(address or "an unknown address")
        detail = f"This key may not be used from {here}; it may be used from: {_listed(allowed)}."
        raise _forbidden("network", detail, required=here, allowed=allowed)


def _forbidden(rule: str, detail: str, *, required: str, allowed: Iterable[str]) -> Forbidden:
    return Forbidden(detail, members={"rule": rule, "required": required, "allowed": sorted(allowed)})


def standing_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """The fields of draft-ietf-httpapi-ratelimit-headers, one item a limit, and the older ones, which know only one limit.

    The older reset is in Unix seconds. No limit, no fields.
    """
    if not standings:
        return {}
    first = standings[0]
    return {
        "RateLimit-Policy": ", ".join(f'"{each.name}";q={each.limit}{_unit(each)}' for each in standings),
        "RateLimit": ", ".join(
            f'"{each.name}";r={each.remaining};t={math.ceil(each.reset_seconds)}' for each in standings
        ),
        "X-RateLimit-Limit": str(first.limit),
        "X-RateLimit-Remaining": str(first.remaining),
        "X-RateLimit-Reset": str(math.ceil(time.time() + first.reset_seconds)),
    }


def _unit(standing: Standing) -> str:
    if standing.window_seconds is None:
        return ';qu="concurrent-requests"'
    unit = ';qu="tokens"' if standing.name == "tokens" else ""
    return f"{unit};w={standing.window_seconds}"


async def _authenticated(request: KeyRequest) -> Caller:
    try:
        return await caller_for(bearer(request.headers.get("Authorization", "")))
    except Unauthenticated as error:
        if error.code != "missing_key":
            await edge.count_failure(request._request)
        raise


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))
