"""Pages with a form that calls a verb and shows what the verb refuses."""

from collections.abc import Callable
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from mlops.core.admin.base import FORM_TEMPLATE, AdminPage
from mlops.core.errors import DomainError


class FormPages(AdminPage):
    """What pages with a form of their own share."""

    def form_page(
        self,
        request: HttpRequest,
        form: Form,
        act: Callable[[Any], HttpResponse],
        texts: dict[str, Any],
    ) -> HttpResponse:
        """Show the form; once it is valid, act and go where that says.

        A DomainError is shown at its field, or above the form. `texts` has `title`
        and `button`, and may have a `question`.
        """
        if request.method == "POST" and form.is_valid():
            try:
                return act(form)
            except DomainError as error:
                field = error.field.rpartition(".")[2]
                form.add_error(field if field in form.fields else None, error.message)
        site = self.admin_site.each_context(request)
        context = {**site, "opts": self.opts, "form": form, **texts}
        return TemplateResponse(request, FORM_TEMPLATE, context)

    def to_page(self, pk: object) -> HttpResponse:
        """Go to a row's own page."""
        meta = self.opts
        name = f"admin:{meta.app_label}_{meta.model_name}_change"
        return HttpResponseRedirect(reverse(name, args=[pk]))
