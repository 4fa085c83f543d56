"""Sign-in and the caller's own account."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
