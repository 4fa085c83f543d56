"""Names of the columns that models leave to Django, so that these are read in Korean.

Django makes a name out of the attribute's: `rollback_from` is "rollback from". Here it
becomes a text like all others. Nothing that is stored or migrated depends on it.
"""

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.utils.translation import gettext_noop as _

TEXTS = (
    _("actor"),
    _("address key"),
    _("artifact sha256"),
    _("artifact"),
    _("attempts"),
    _("body sha256"),
    _("body"),
    _("caller"),
    _("cancel requested at"),
    _("changed by"),
    _("correction"),
    _("count"),
    _("comparison"),
    _("computed of"),
    _("computed profile"),
    _("created at"),
    _("created by"),
    _("current"),
    _("dataset digest"),
    _("dataset name"),
    _("dataset"),
    _("deployment"),
    _("digest"),
    _("duckdb table"),
    _("duckdb view"),
    _("ending"),
    _("ends as"),
    _("execution id"),
    _("experiment"),
    _("feature"),
    _("first attempt"),
    _("generation"),
    _("headers"),
    _("histogram"),
    _("is json"),
    _("is nan"),
    _("key"),
    _("kind"),
    _("lease until"),
    _("logged model"),
    _("max instances"),
    _("max ms"),
    _("method"),
    _("min instances"),
    _("model"),
    _("name key"),
    _("next number"),
    _("next revision"),
    _("number"),
    _("path"),
    _("position"),
    _("profile"),
    _("reading"),
    _("ready instances"),
    _("recorded by"),
    _("reference"),
    _("restores"),
    _("revision"),
    _("rollback from"),
    _("rollout at"),
    _("rollout step"),
    _("run label"),
    _("run link"),
    _("run"),
    _("running until"),
    _("schema"),
    _("sha256"),
    _("slot"),
    _("source run label"),
    _("source run"),
    _("source sha256"),
    _("source type"),
    _("source"),
    _("status message"),
    _("status"),
    _("step started at"),
    _("step"),
    _("sum ms"),
    _("superseded by"),
    _("tags"),
    _("timestamp ms"),
    _("upstream"),
    _("user"),
    _("value"),
    _("version"),
    _("window"),
)
OURS = ("core", "datasets", "lifecycle", "deployments")


def translate_names() -> None:
    """Make a text of every column's name that is still plain English."""
    for model in apps.get_models():
        if model._meta.app_label in OURS:  # noqa: SLF001 - Django's public name
            for field in model._meta.fields:  # noqa: SLF001 - as above
                if not isinstance(field.verbose_name, Promise):
                    field.verbose_name = gettext_lazy(str(field.verbose_name))
