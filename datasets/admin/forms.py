"""The forms by which staff hand in files and say how they are read."""

from typing import Any

from django import forms
from django.contrib.admin import ModelAdmin
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from datasets.serializers.reading import options_of
from mlops.core.admin.base import FORM_TEMPLATE


class ManyFilesWidget(UnfoldAdminFileFieldWidget):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """Several files of equal columns, at least one."""

    widget = ManyFilesWidget

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        given = data if isinstance(data, list | tuple) else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in given]


class OptionsForm(forms.Form):
    options = forms.CharField(
        label=_("reading options"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_(
            'JSON, such as {"delimiter": ";", "decimal": ",", "types":'
            ' {"code": "VARCHAR"}}. What is not given is found out.'
        ),
    )

    def clean_options(self) -> dict[str, Any]:
        """Return the options as an upload by REST would take them."""
        try:
            return options_of(self.cleaned_data["options"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class VersionForm(OptionsForm):
    file = ManyFilesField(
        label=_("files"),
        help_text=_("CSV, TSV, JSON lines, Parquet, Arrow or XLSX; gzip, zstd or ZIP."),
    )
    field_order: tuple[str, ...] = ("file", "options")


class AppendForm(VersionForm):
    base_version = forms.IntegerField(widget=forms.HiddenInput)
    widen = forms.BooleanField(
        label=_("types may widen"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=_(
            "Where a cell does not fit the column's type, the column gets the"
            " narrowest that holds all; else the file is refused."
        ),
    )
    field_order = ("base_version", "file", "widen", "options")


class UploadForm(VersionForm):
    name = forms.CharField(
        label=_("name"), max_length=200, widget=UnfoldAdminTextInputWidget()
    )
    description = forms.CharField(
        label=_("description"), required=False, widget=UnfoldAdminTextareaWidget()
    )
    field_order = ("name", "description", "file", "options")


def form_page(
    page: ModelAdmin[Any],
    request: HttpRequest,
    form: forms.Form,
    *,
    title: Any,
    button: Any,
) -> TemplateResponse:
    """Return the page of a form that a verb is called with."""
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "form": form,
        "title": title,
        "button": button,
    }
    return TemplateResponse(request, FORM_TEMPLATE, context)
