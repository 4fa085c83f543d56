"""Staff pages of webhooks: what they are told, what was sent, sending it again."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from mlops.core.admin import ReadOnly
from mlops.core.admin.base import EMPTY, VerbAdmin, act, link_to_list, meaning, staff
from mlops.core.errors import DomainError
from mlops.core.sealing import KeyMissing
from mlops.webhooks.kinds import CHOICES
from mlops.webhooks.models import Webhook, WebhookDelivery

_FIELDS = ("name", "url", "kinds", "description", "is_enabled")


class WebhookForm(forms.ModelForm[Webhook]):
    """What a webhook is told, and where; its model refuses what may not be."""

    kinds = forms.MultipleChoiceField(
        choices=[(name, f"{name}: {text}") for name, text in CHOICES],
        label=_("kinds"),
        initial=["*"],
    )

    class Meta:
        model = Webhook
        fields = _FIELDS

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors and cleaned is not None:
            draft = Webhook(**{name: cleaned[name] for name in _FIELDS})
            try:
                draft.require_sound()
            except DomainError as refused:
                self.add_error(refused.field or None, refused.message)
        return cleaned


@admin.register(Webhook)
class WebhookAdmin(VerbAdmin):
    """Addresses may be secret: only admins see them."""

    form = WebhookForm
    list_display = (
        "name",
        "url",
        "format",
        "is_enabled",
        "off_reason",
        "waiting_messages",
        "given_up_messages",
        "rests_until",
        "created_by",
    )
    list_filter = ("is_enabled", "format")
    search_fields = ("name",)
    readonly_fields = (
        "format",
        "events",
        "off_reason",
        "signing_secret",
        "old_secret_until",
        "messages",
        "failures",
        "rests_until",
        "created_by",
        "created_at",
    )

    actions: ClassVar = ("rotate_secret",)

    @admin.action(
        description=_("Sign by a new secret (the old one signs for 24 hours as well)"),
        permissions=["change"],
    )
    def rotate_secret(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        act(self, request, queryset, lambda row, by: row.rotate_secret(by=by))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return Webhook.objects.detailed().order_by("name")

    @admin.display(description=_("waiting"))
    def waiting_messages(self, webhook: Any) -> SafeString | str:
        return _messages(webhook, "waiting", webhook.waiting)

    @admin.display(description=_("given up"))
    def given_up_messages(self, webhook: Any) -> SafeString | str:
        return _messages(webhook, "given_up", webhook.given_up)

    @admin.display(description=_("messages"))
    def messages(self, webhook: Webhook) -> SafeString | str:
        if webhook._state.adding:  # noqa: SLF001 - public
            return EMPTY
        text = str(webhook.deliveries.count())
        return link_to_list(WebhookDelivery, text, webhook__id__exact=str(webhook.pk))

    @admin.display(description=_("signing secret"))
    def signing_secret(self, webhook: Webhook) -> str:
        if webhook._state.adding:  # noqa: SLF001 - public
            return EMPTY
        try:
            return webhook.secret or EMPTY
        except KeyMissing as missing:
            return str(missing)

    def save_model(
        self,
        request: HttpRequest,
        obj: Webhook,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        fields = {name: form.cleaned_data[name] for name in _FIELDS}
        if not change:
            made = Webhook.add(by=staff(request), **fields)
            obj.pk, obj.__dict__ = made.pk, made.__dict__
        elif changed := {name: fields[name] for name in form.changed_data}:
            Webhook.objects.get(pk=obj.pk).change(by=staff(request), **changed)

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        obj.remove(by=staff(request))

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[Webhook]
    ) -> None:
        for webhook in queryset:
            webhook.remove(by=staff(request))

    def has_view_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return bool(self.has_change_permission(request, obj))


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnly):
    """The log of messages."""

    list_display = (
        "created_at",
        "webhook",
        "kind",
        "object_name",
        "state",
        "attempts",
        "status_code",
        "error",
        "next_at",
        "delivered_at",
    )
    list_filter = ("state", "webhook", "created_at")
    list_select_related = ("webhook",)
    search_fields = ("=kind", "=object_id", "=message_id")
    exclude = ("tries",)
    readonly_fields = ("log",)
    actions: ClassVar = ("replay",)

    @admin.display(description=_("log"))
    def log(self, delivery: WebhookDelivery) -> SafeString | str:
        return meaning(delivery.tries)

    @admin.action(description=_("Send again"), permissions=["send"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        rows = queryset.select_related("webhook")
        act(self, request, rows, lambda row, by: row.replay(by=by))

    def has_send_permission(self, request: HttpRequest) -> bool:
        return staff(request).has_perm("webhooks.change_webhookdelivery")


def _messages(webhook: Webhook, state: str, count: int) -> SafeString | str:
    """Return how many messages are in a state, with a link to them."""
    return link_to_list(
        WebhookDelivery,
        str(count),
        webhook__id__exact=str(webhook.pk),
        state__exact=state,
    )
