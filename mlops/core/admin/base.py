"""What the pages share: links along the lineage, and actions that call verbs."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from unfold.admin import ModelAdmin

from mlops.core.errors import BadQuery, DomainError
from mlops.core.models import User
from mlops.core.pages import EMPTY, address_of, moment
from mlops.core.queries import whole_number

__all__ = [
    "EMPTY",
    "FORM_TEMPLATE",
    "ROWS",
    "AdminPage",
    "VerbAdmin",
    "act",
    "address_of",
    "link_to",
    "link_to_list",
    "made_once",
    "moment",
    "staff",
]
ROWS = 25
"""How many a page of a list shows: a row costs more to render than to find."""
FORM_TEMPLATE = "admin/verb_form.html"
"""Takes `form`, `title`, what the `button` says, and perhaps a `question`."""


_Field = TypeVar("_Field", bound=Callable[[Any, Any], Any])


class AdminPage(ModelAdmin):
    """The base of every page: what is not there is 404, a senseless query 400.

    Django leads to the index, and to a list without the filter that it could not
    read, where one looks at other rows than those that one asked for.
    """

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str | None
    ) -> Any:
        raise Http404

    def existing(self, request: HttpRequest, object_id: str) -> Any:
        """Return the row of an address. Raises Http404."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    def to_form(
        self, request: HttpRequest, object_id: str, name: str
    ) -> HttpResponseRedirect:
        """Go to a form of the row of an address. Raises Http404."""
        row = self.existing(request, object_id)
        return HttpResponseRedirect(reverse(f"admin:{name}", args=[row.pk]))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        try:
            listed = super().get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise BadQuery(_("The list cannot be filtered or paged so.")) from error
        page = request.GET.get(PAGE_VAR, "1")
        if whole_number(page, least=1, most=listed.paginator.num_pages) is None:
            raise BadQuery(_("The list has no such page."))
        return listed


class VerbAdmin(AdminPage):
    """A page that is saved by a verb, whose refusal is shown on the page."""

    list_per_page = ROWS

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


def made_once(method: _Field) -> _Field:
    """Keep with the row what a field of its record shows.

    The theme asks for each field three times.
    """

    @wraps(method)
    def made(page: Any, row: Any) -> Any:
        kept: dict[str, Any] = row.__dict__.setdefault("_made_once", {})
        if method.__name__ not in kept:
            kept[method.__name__] = method(page, row)
        return kept[method.__name__]

    return cast("_Field", made)


def staff(request: HttpRequest) -> User:
    """Return who uses the admin; it lets in nobody who is not signed in."""
    if not isinstance(request.user, User):
        raise TypeError("The admin is for signed-in users.")
    return request.user


def link_to(row: Model | None, text: str = "") -> SafeString | str:
    """Return a link to the row's page of work, or to its form if it has none."""
    if row is None:
        return EMPTY
    return format_html('<a href="{}">{}</a>', address_of(row), text or str(row))


def link_to_list(model: type[Model], text: str, **query: Any) -> SafeString:
    """Return a link to the rows that the query picks."""
    meta = model._meta  # noqa: SLF001 - Django's public name
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return format_html('<a href="{}?{}">{}</a>', url, words, text)


def meaning(value: Any) -> SafeString | str:
    """Return JSON as lists of what it says: names, values, nothing for nothing."""
    if isinstance(value, dict):
        items = [(name, meaning(one)) for name, one in value.items() if one != {}]
        lines = format_html_join("", "<li>{}: {}</li>", items)
        return format_html('<ul class="meaning">{}</ul>', lines) if items else EMPTY
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        lines = format_html_join("", "<li>{}</li>", [(meaning(one),) for one in value])
        return format_html('<ul class="meaning">{}</ul>', lines)
    if isinstance(value, list):
        # Among others an empty text is one of them, and not nothing.
        words = ('""' if one == "" else str(meaning(one)) for one in value)
        return ", ".join(words) or EMPTY
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int | float):
        return f"{value:,}"
    return EMPTY if value in {None, ""} else str(value)


def shown_bytes(count: int) -> str:
    """Return a number of bytes as people read it: `580.1 KiB (593,999 bytes)`."""
    exact = ngettext("%(count)s byte", "%(count)s bytes", count) % {
        "count": f"{count:,}"
    }
    units = ("KiB", "MiB", "GiB", "TiB")
    power = min((max(count, 1).bit_length() - 1) // 10, len(units))
    if not power:
        return exact
    return f"{count / 1024**power:,.1f} {units[power - 1]} ({exact})"


def act(
    page: ModelAdmin,
    request: HttpRequest,
    rows: Iterable[Any],
    verb: Callable[[Any, User], object],
    *,
    unfinished: Callable[[Any], str] = lambda _row: "",
) -> None:
    """Call a verb on each row; say how many did it, and each error by its name.

    `unfinished` says of a row what its verb still waits for, "" if nothing: that one
    is named too, and not among those that are done.
    """
    done = 0
    for row in rows:
        try:
            verb(row, staff(request))
        except DomainError as error:
            text = _("%(row)s: %(error)s") % {"row": row, "error": error.message}
            page.message_user(request, text, messages.ERROR)
            continue
        if waits := unfinished(row):
            page.message_user(request, f"{row}: {waits}", messages.WARNING)
        else:
            done += 1
    if done:
        text = ngettext("%(count)d done.", "%(count)d done.", done) % {"count": done}
        page.message_user(request, text, messages.SUCCESS)
