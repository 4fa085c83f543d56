"""How the admin looks: its name, colours and navigation (Unfold's settings)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    app, name = model.split(".")
    return lambda request: request.user.has_perm(f"{app}.view_{name}")


def _has_mlflow_pages(_request: HttpRequest) -> bool:
    # The settings import this module, and that one translates a text.
    from lifecycle.mlflow.pages import build  # noqa: PLC0415

    return build.folder() is not None


def _link(title: Text, icon: str, model: str) -> dict[str, Any]:
    """Return a link to the list of a model, for those who may see it."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{model.replace('.', '_')}_changelist"),
        "permission": _may_view(model),
    }


def _group(title: Text, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


NAVIGATION = [
    {
        "items": [
            {
                "title": _("Home"),
                "icon": "home",
                "link": reverse_lazy("admin:index"),
            },
            {
                "title": _("API"),
                "icon": "api",
                "link": reverse_lazy("docs"),
            },
            {
                "title": _("MLflow's pages"),
                "icon": "monitoring",
                "link": reverse_lazy("mlflow-pages"),
                "permission": _has_mlflow_pages,
            },
        ]
    },
    _group(
        _("Serving"),
        _link(_("Deployments"), "rocket_launch", "deployments.deployment"),
        _link(_("Environment rules"), "rule", "deployments.environmentrule"),
        _link(_("Deployment keys"), "key", "deployments.deploymentkey"),
        _link(_("Drift checks"), "query_stats", "deployments.driftcheck"),
        _link(_("Drift rules"), "tune", "deployments.driftrule"),
        _link(_("Alert hooks"), "notifications", "deployments.alerthook"),
    ),
    _group(
        _("Lifecycle"),
        _link(_("Experiments"), "science", "lifecycle.experiment"),
        _link(_("Runs"), "play_circle", "lifecycle.run"),
        _link(_("Models"), "deployed_code", "lifecycle.registeredmodel"),
        _link(_("Model versions"), "verified", "lifecycle.modelversion"),
        _link(_("Drift events"), "trending_down", "lifecycle.driftevent"),
    ),
    _group(
        _("Data"),
        _link(_("Datasets"), "table", "datasets.dataset"),
        _link(_("Dataset versions"), "history", "datasets.datasetversion"),
        _link(_("Features"), "function", "datasets.feature"),
        _link(_("Dataset events"), "notification_important", "datasets.datasetevent"),
    ),
    _group(
        _("People and access"),
        _link(_("Users"), "person", "core.user"),
        _link(_("Roles"), "group", "auth.group"),
        _link(_("API tokens"), "vpn_key", "core.apitoken"),
        _link(_("Webhooks"), "webhook", "webhooks.webhook"),
        _link(_("Webhook deliveries"), "outbox", "webhooks.webhookdelivery"),
        _link(_("Audit trail"), "receipt_long", "core.auditentry"),
    ),
    _group(
        _("More"),
        {
            "title": _("My account"),
            "icon": "account_circle",
            "link": reverse_lazy("account"),
        },
        {
            "title": _("All tables"),
            "icon": "apps",
            "link": reverse_lazy("all-tables"),
        },
    ),
]

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "MLOps",
    "SITE_HEADER": "MLOps",
    "SITE_SUBHEADER": _("From data to a served model"),
    "SITE_SYMBOL": "deployed_code",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("dashboard/icon.svg"),
        }
    ],
    "ACCOUNT": {
        "navigation": [
            {"title": _("My account"), "link": reverse_lazy("account")},
            {
                "title": _("Change password"),
                "link": reverse_lazy("admin:password_change"),
            },
        ]
    },
    "LOGIN": {"form": "mlops.dashboard.sign_in.SignInForm"},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "STYLES": [
        lambda _request: static("dashboard/charts.css"),
        lambda _request: static("dashboard/pages.css"),
    ],
    "SCRIPTS": [lambda _request: static("dashboard/names.js")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
    "COLORS": {
        "primary": {
            "50": "oklch(97.5% .017 240)",
            "100": "oklch(94.6% .034 242)",
            "200": "oklch(89.6% .065 244)",
            "300": "oklch(81.8% .110 246)",
            "400": "oklch(72.5% .150 248)",
            "500": "oklch(63.8% .172 251)",
            "600": "oklch(55.4% .180 254)",
            "700": "oklch(48.6% .165 256)",
            "800": "oklch(42.0% .135 258)",
            "900": "oklch(36.5% .105 259)",
            "950": "oklch(27.5% .075 261)",
        }
    },
}
