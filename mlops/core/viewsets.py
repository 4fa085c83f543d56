"""What every viewset of the API shares. Fetch, call, respond; no rules here."""

import random
import time
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

from django.db import OperationalError, transaction
from django.db.models import Model
from django.http import HttpResponseBase
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.viewsets import GenericViewSet

from mlops.core import etags, headers, idempotency
from mlops.core.authentication import SAFE_METHODS
from mlops.core.errors import Forbidden, NotFound, PreconditionFailed
from mlops.core.json import JSONRenderer
from mlops.core.permissions import ActionPermissions, full_name
from mlops.core.roles import refusal
from mlops.core.throttling import WriteThrottle

Handler = Callable[..., HttpResponseBase]

# Serialization failure and deadlock: the transaction is undone and may run again.
_RETRIED_STATES = frozenset({"40001", "40P01"})
_ATTEMPTS = 3
OK = 200
UPLOADS = ("multipart/", "application/octet-stream", "application/offset+octet-stream")


class _ByAccept(DefaultContentNegotiation):
    """Chooses by `Accept` alone; `format` is a parameter as any other."""

    settings: Any = SimpleNamespace(URL_FORMAT_OVERRIDE=None)


class ApiViewSet(GenericViewSet[Any]):
    """A viewset without verbs of its own; see `ActionPermissions` for its maps.

    Every unsafe request is one transaction, which begins when the body is here: what
    a handler wrote before it failed is undone, a deadlock is tried again, `If-Match`
    is compared under the lock of the row, and the answer to an `Idempotency-Key` is
    kept with the effect. Where `atomic_writes` is off, a handler takes the body
    itself, or works for long; its verbs make their own transaction.

    Override `find_object` for a look-up of one's own, and call `get_object`.
    """

    content_negotiation_class: type[BaseContentNegotiation] = _ByAccept
    permission_classes = [ActionPermissions]
    throttle_classes: list[type[BaseThrottle]] = [WriteThrottle]
    permission_model: ClassVar[str | None]
    action_permissions: ClassVar[Mapping[str, str]] = {}
    field_permissions: ClassVar[Mapping[str, str]] = {}
    sort_fields: ClassVar[Mapping[str, str]] = {}
    query_parameters: ClassVar[tuple[str, ...]] = ()
    atomic_writes: ClassVar[bool] = True
    takes_keys: ClassVar[bool] = True
    """Whether POST answers may be kept for an `Idempotency-Key`; secrets may not."""
    compared_posts: ClassVar[frozenset[str]] = frozenset()
    """Actions by POST that compare `If-Match`, as all other writes do."""
    atomic_actions: ClassVar[frozenset[str]] = frozenset()
    """Actions that are one transaction all the same where `atomic_writes` is off."""
    untagged: ClassVar[frozenset[str]] = frozenset()
    """Actions below an address that know no ETag: a stream, figures of this moment,
    a write to what no GET shows."""

    fetched: Model | None = None
    """The object that the request is about, once `get_object` has found it."""
    written_tag: str | None = None
    """The ETag of what a write has shown, taken before others could write again."""

    def find_object(self) -> Model:
        """Return the object of the URL. Raises NotFound or Http404."""
        found: Model = super().get_object()
        return found

    def get_object(self) -> Any:
        """Return the object of the URL, if the caller may have it as it is.

        Raises PreconditionFailed when `If-Match` names another state.
        """
        found = self.find_object()
        self.check_object_permissions(self.request, found)
        wanted = self.request.headers.get("If-Match")
        if wanted and self.request.method not in SAFE_METHODS:
            found = self._unchanged(found, wanted)
        self.fetched = found
        return found

    def require_fields(self, names: Iterable[str]) -> None:
        """Raise Forbidden unless the caller may set these fields; open mode may all."""
        user = self.request.user
        for name in names:
            needed = full_name(
                self.field_permissions[name], self.permission_model or ""
            )
            if user.is_authenticated and not user.has_perm(needed):
                raise Forbidden(refusal(needed))

    def lock(self, found: Model) -> None:
        """Hold what writers of the row hold, until the transaction ends.

        A view whose verbs take another lock first must take that one here, or two
        writers wait for each other. Raises NotFound.
        """
        rows = type(found)._base_manager.select_for_update()  # noqa: SLF001 - public
        if not rows.filter(pk=found.pk).exists():
            raise NotFound("This was deleted just now.")

    def _unchanged(self, found: Model, wanted: str) -> Model:
        if transaction.get_connection().in_atomic_block:
            self.lock(found)
            found = self.find_object()
        if not etags.same_state(wanted, found):
            raise PreconditionFailed(etags.CHANGED)
        return found

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:  # noqa: FBT001, FBT002 - DRF's signature
        """Refuse no `Accept` of a method that is not there: the answer is 405."""
        is_known = str(request.method).lower() in self.action_map
        return super().perform_content_negotiation(request, force or not is_known)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = str(request.method)
        self._require_tags(method)
        handler = getattr(self, method.lower(), None)
        if handler is not None and method not in SAFE_METHODS:
            # DRF looks the handler up after this.
            setattr(self, method.lower(), self._once(handler))

    def tag_header(self, method: str, *, is_below: bool) -> headers.Header | None:
        """Return the header of tags that the action understands, None if none.

        `is_below` says whether the address has a variable part.
        """
        if method == "POST":
            return headers.IF_MATCH if self.action in self.compared_posts else None
        if not is_below or self.action in self.untagged:
            return None
        return headers.IF_NONE_MATCH if method in SAFE_METHODS else headers.IF_MATCH

    def _require_tags(self, method: str) -> None:
        """Raise BadHeader if the header of tags that this address documents is none."""
        header = self.tag_header(method, is_below=bool(self.kwargs))
        given = self.request.headers.get(header.name) if header else None
        if header and given is not None:
            # Also an empty one: a tag that was lost must not pass for none.
            etags.require_tags(header, given)

    def _once(self, handler: Handler) -> Handler:
        def respond(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            whole = self._is_one_transaction(request)
            claim = self._claim(request, whole=whole)
            if isinstance(claim, HttpResponseBase):
                return claim

            def act() -> HttpResponseBase:
                response = handler(request, *args, **kwargs)
                self.written_tag = self._etag(request, response)
                if claim is not None and isinstance(response, Response):
                    claim.keep(response)
                return response

            try:
                return _in_one_transaction(act) if whole else act()
            except Exception:
                if claim is not None:
                    claim.release()
                raise

        return respond

    def _is_one_transaction(self, request: Request) -> bool:
        if not self.atomic_writes and self.action not in self.atomic_actions:
            return False
        _ = request.data  # read, and files received, before any lock is taken
        return True

    def _claim(
        self, request: Request, *, whole: bool
    ) -> idempotency.Claim | HttpResponseBase | None:
        key = request.headers.get(idempotency.HEADER)
        if key is None or not self.takes_keys or request.method != "POST":
            return None
        request_key = idempotency.KeyedRequest(
            caller=str(request.user.pk or "open"),
            key=key,
            method=str(request.method),
            path=_one_spelling(request.get_full_path()),
            body_sha256=self._body_digest(request),
        )
        lease = idempotency.LEASE if whole else idempotency.LEASE_OF_UPLOADS
        return idempotency.claim(request_key, lease)

    def _body_digest(self, request: Request) -> str:
        """Return what tells this body from others.

        A view that streams its body can read it only once: its length stands for it.
        """
        streams = (request.content_type or "").startswith(UPLOADS)
        if streams and not self.atomic_writes:
            return idempotency.body_digest(request.headers.get("Content-Length"))
        return idempotency.body_digest(request.data)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        finished = super().finalize_response(request, response, *args, **kwargs)
        if finished.status_code != OK or not hasattr(finished, "data"):
            return finished  # downloads and streams see to it themselves
        if request.method not in SAFE_METHODS:
            if self.written_tag:
                finished["ETag"] = self.written_tag
            return finished
        if "ETag" in finished or not self.tag_header("GET", is_below=bool(kwargs)):
            return finished
        tag = etags.etag(self.fetched, finished.render().content, _page_of(finished))
        if etags.same_answer(request.headers.get("If-None-Match", ""), tag):
            unchanged = Response(status=304, headers=_caching_of(finished))
            finished = super().finalize_response(request, unchanged, *args, **kwargs)
        finished["ETag"] = tag
        return finished

    def _etag(self, request: Request, response: HttpResponseBase) -> str | None:
        """Return the ETag of what a write shows of the object, None if it does not."""
        if not isinstance(response, Response) or response.status_code != OK:
            return None
        if self.fetched is None or request.method == "POST":
            return None
        rows = type(self.fetched)._base_manager  # noqa: SLF001 - public
        row = rows.filter(pk=self.fetched.pk).first()
        if row is None:
            return None
        return etags.etag(row, JSONRenderer().render(response.data), b"")


def _page_of(response: HttpResponseBase) -> bytes:
    """Return what a page says of its list beside the items."""
    return (
        response.get("Link", "").encode() + response.get("X-Total-Count", "").encode()
    )


def _caching_of(response: HttpResponseBase) -> dict[str, str]:
    """Return what a 304 says again (RFC 9110, 15.4.5)."""
    known = response.get("Cache-Control")
    return {"Cache-Control": known} if known else {}


def _one_spelling(path: str) -> str:
    """Return a path with its query; with and without its last slash it is the same."""
    bare, mark, query = path.partition("?")
    return bare.rstrip("/") + mark + query


def _in_one_transaction(act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    for left in reversed(range(_ATTEMPTS)):
        try:
            with transaction.atomic():
                return act()
        except OperationalError as error:
            state = getattr(error.__cause__, "sqlstate", None)
            if state not in _RETRIED_STATES or not left:
                raise
        time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 - spreads the retries
    raise AssertionError("unreachable")


def created(data: Any, *, location: str = "") -> Response:
    """Return 201 with the new thing and, if it has one, its address."""
    headers = {"Location": location} if location else {}
    return Response(data, status=201, headers=headers)
