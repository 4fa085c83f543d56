"""Texts of the admin theme, which has no Korean translation.

Naming them here keeps their translation in this project's catalogue when it is
collected anew.
"""

from django.utils.translation import gettext_noop as _

TEXTS = (
    _("All applications"),
    _("Apply Filters"),
    _("Blacklisted Tokens"),
    _("Cancel"),
    _("Choose file to upload"),
    _("Dark"),
    _("Expand row"),
    _("False"),
    _("Forgotten your password or username?"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("Loading more results..."),
    _("More actions"),
    _("Next"),
    _("No data"),
    _("No recent searches"),
    _("No results found"),
    _("No results matching your query"),
    _("Outstanding Tokens"),
    _("Previous"),
    _("Recent searches"),
    _("Reset filters"),
    _("Return to site"),
    _("Run"),
    _("Search apps and models..."),
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
    _("Submit"),
    _("System"),
    _("This item will be deleted."),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Token Blacklist"),
    _("Toggle password visibility"),
    _("True"),
    _("Type to search"),
    _("Welcome"),
    _("Welcome back to"),
    _("You have been successfully logged out from the administration"),
)
