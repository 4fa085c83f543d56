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
    _("artifact"),
    _("artifact sha256"),
    _("asked at"),
    _("attempts"),
    _("began at"),
    _("body"),
    _("body sha256"),
    _("caller"),
    _("cancel requested at"),
    _("changed by"),
    _("comparison"),
    _("computed of"),
    _("computed profile"),
    _("correction"),
    _("count"),
    _("created at"),
    _("created by"),
    _("current"),
    _("dataset"),
    _("dataset digest"),
    _("dataset name"),
    _("deployment"),
    _("digest"),
    _("duckdb table"),
    _("duckdb view"),
    _("ended at"),
    _("ending"),
    _("ends as"),
    _("execution id"),
    _("experiment"),
    _("expires at"),
    _("feature"),
    _("first attempt"),
    _("generation"),
    _("headers"),
    _("histogram"),
    _("is good"),
    _("is json"),
    _("is nan"),
    _("key"),
    _("kind"),
    _("lease until"),
    _("logged model"),
    _("made at"),
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
    _("restore tried at"),
    _("restores"),
    _("revision"),
    _("rollback from"),
    _("rollout at"),
    _("rollout step"),
    _("run"),
    _("run label"),
    _("run link"),
    _("running until"),
    _("schema"),
    _("sealed secret"),
    _("sha256"),
    _("slot"),
    _("source"),
    _("source run"),
    _("source run label"),
    _("source sha256"),
    _("source type"),
    _("status"),
    _("status message"),
    _("step"),
    _("step started at"),
    _("sum ms"),
    _("superseded by"),
    _("tags"),
    _("timestamp ms"),
    _("uid"),
    _("upstream"),
    _("user"),
    _("value"),
    _("version"),
    _("window"),
    _("written bytes"),
)
OURS = ("core", "datasets", "lifecycle", "deployments")


def translate_names() -> None:
    """Make a text of every column's name that is still plain English."""
    for model in apps.get_models():
        if model._meta.app_label in OURS:  # noqa: SLF001 - Django's public name
            for field in model._meta.fields:  # noqa: SLF001 - as above
                if not isinstance(field.verbose_name, Promise):
                    field.verbose_name = gettext_lazy(str(field.verbose_name))
