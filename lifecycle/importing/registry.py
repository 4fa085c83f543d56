"""Registered models, their versions as they were, and their aliases."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from lifecycle.importing import cells
from lifecycle.importing.cells import Row, Unfit
from lifecycle.importing.context import (
    SOURCE_TAG,
    STATUS_TAG,
    USER_TAG,
    ImportContext,
)
from lifecycle.importing.origins import Origin, origin
from lifecycle.models import ModelVersion, RegisteredModel, servable
from lifecycle.states import ModelStage
from lifecycle.store.aliases import MAX_ALIAS, PastAliasChange
from lifecycle.store.registered_models import LockedModel, PastRegisteredModel
from lifecycle.store.registration import NewVersion, PastVersion, Registered
from lifecycle.times import from_ms, to_ms
from mlops.core import names
from mlops.core.errors import Invalid

NOTE: Final = "imported from MLflow, not approved here"
DELETED: Final = "Deleted_Internal"
_STAGES: Final = {
    "": ModelStage.EXPERIMENTAL,
    "None": ModelStage.EXPERIMENTAL,
    "Staging": ModelStage.STAGING,
    "Production": ModelStage.PRODUCTION,
    "Archived": ModelStage.ARCHIVED,
}
_MAX_NAME: Final = 256
_MAX_KEY: Final = 250
_MAX_LINK: Final = 500
_MOST: Final = 2**31 - 2


@dataclass(frozen=True, slots=True)
class _Version:
    number: int
    new: NewVersion
    past: PastVersion
    origin: Origin


def model_name(context: ImportContext, row: Row) -> str:
    """Return the name that a model has here, with the prefix. Raises Unfit."""
    text = context.options.prefix + cells.text(row, "name")
    try:
        clean = names.clean(text, field="name")
    except Invalid as invalid:
        raise Unfit(invalid.message) from None
    if len(clean) > _MAX_NAME:
        raise Unfit(f"name has more than {_MAX_NAME} characters")
    return clean


def clash(context: ImportContext, row: Row) -> str:
    """Return what keeps a model of the source from its name; "" if nothing does."""
    try:
        name = model_name(context, row)
        created = _created(row)
    except Unfit:
        return ""  # it is refused by itself
    here = RegisteredModel.objects.filter(name=name).first()
    if here is None or to_ms(here.created_at) == created:
        return ""
    return f"registered model {name!r}"


def bring(context: ImportContext) -> None:
    """Bring the models in, each with its versions and aliases in one transaction."""
    for row in context.source.registered_models():
        try:
            _bring(context, row)
        except Unfit as unfit:
            context.report.refuse("registered models", row.get("name"), unfit)


def _bring(context: ImportContext, row: Row) -> None:
    cells.require_readable(row)
    key = row.get("name")
    past = _past(context, row, model_name(context, row))
    listed = context.source.versions(key)
    here = RegisteredModel.objects.filter(name=past.name).first()
    known = _known_versions(here)
    with context.writer.part():
        if here is None:
            model = context.writer.registered_model(past)
        else:
            context.report.present["registered models"] += 1
            model = LockedModel(here.pk, here.name, here.next_number)
        made = _write_versions(context, model, listed, known)
        _write_aliases(context, model, key, made, past.updated_at or past.created_at)


def _past(context: ImportContext, row: Row, name: str) -> PastRegisteredModel:
    created = _created(row)
    updated = cells.integer(row, "last_updated_time")
    return PastRegisteredModel(
        name=name,
        created_at=from_ms(created),
        updated_at=from_ms(created if updated is None else updated),
        description=cells.text(row, "description"),
        tags=_short(context.source.registered_tags(row.get("name"))),
    )


def _created(row: Row) -> int:
    return cells.integer(row, "creation_time") or 0


def _known_versions(model: RegisteredModel | None) -> dict[int, datetime]:
    if model is None:
        return {}
    found = ModelVersion.objects.filter(model=model)
    return dict(found.values_list("number", "created_at"))


def _write_versions(
    context: ImportContext,
    model: LockedModel,
    listed: Sequence[Row],
    known: dict[int, datetime],
) -> dict[int, Registered | None]:
    """Store the versions that are new and return them by number."""
    made: dict[int, Registered | None] = {}
    highest = 0
    for row in listed:
        try:
            number = _number(row.get("version"))
            highest = max(highest, number)
            if row.get("current_stage") == DELETED:
                context.report.left_out["versions that were deleted"] += 1
            elif number in known:
                _compare(context, row, known[number])
            else:
                made[number] = _write_version(context, model, _version(context, row))
        except Unfit as unfit:
            named = f"{model.name} {row.get('version')}"
            context.report.refuse("versions", named, unfit)
    if highest:
        context.writer.pass_number(model, highest)
    return made


def _compare(context: ImportContext, row: Row, here: datetime) -> None:
    if to_ms(here) == _created(row):
        context.report.present["versions"] += 1
    else:
        raise Unfit(f"another version of this number is here, made at {here}")


def _version(context: ImportContext, row: Row) -> _Version:
    cells.require_readable(row)
    found = origin(context, row)
    tags = _short(context.source.version_tags(row.get("name"), row.get("version")))
    told = cells.text(row, "source")
    status, user = cells.text(row, "status"), cells.text(row, "user_id")
    kept = {
        SOURCE_TAG: told if told != found.source else "",
        STATUS_TAG: status if status != "READY" else "",
        USER_TAG: user,
    }
    tags.update({name: value for name, value in kept.items() if value})
    number, created = _number(row.get("version")), _created(row)
    updated = cells.integer(row, "last_updated_time")
    new = NewVersion(
        artifact=None,
        run=found.run,
        run_label=found.run_label,
        logged_model=found.logged_model,
        artifact_path=found.path,
        source=found.source,
        run_link=cells.text(row, "run_link", most=_MAX_LINK),
        description=cells.text(row, "description"),
        tags=tags,
    )
    past = PastVersion(
        number=number,
        created_at=from_ms(created),
        updated_at=from_ms(created if updated is None else updated),
        created_by=context.options.users.get(user) if user else None,
        stage=_stage(row.get("current_stage")),
        approval_notes=NOTE,
    )
    return _Version(number, new, past, found)


def _stage(value: object) -> ModelStage:
    found = _STAGES.get(value) if isinstance(value, str) else None
    if value is None:
        return ModelStage.EXPERIMENTAL
    if found is None:
        raise Unfit(f"stage is {str(value)[:40]!r}")
    return found


def _write_version(
    context: ImportContext, model: LockedModel, version: _Version
) -> Registered | None:
    if not version.origin.is_known:
        context.report.noted["versions whose source is no file here"] += 1
    new = version.new
    if not context.writer.is_dry:
        found = version.origin
        file = servable.pin(found.file_run, found.logged_model, found.path)
        new = replace(new, artifact=file.pk if file else None)
    made = context.writer.version(model, new, version.past)
    if version.past.stage != ModelStage.EXPERIMENTAL:
        at = version.past.updated_at or version.past.created_at
        context.writer.stage(made, version.past.stage, at)
    return made


def _write_aliases(
    context: ImportContext,
    model: LockedModel,
    key: Any,
    made: dict[int, Registered | None],
    at: datetime,
) -> None:
    """Store the aliases of versions that are new; count what points nowhere."""
    here = _aliases_here(model)
    for alias, target in context.source.aliases(key):
        try:
            name = cells.checked(alias, "alias", most=MAX_ALIAS)
            number = _number(target)
        except Unfit as unfit:
            context.report.refuse("aliases", f"{model.name} {alias}", unfit)
            continue
        if here.get(name) == number:
            context.report.present["aliases"] += 1
        elif name in here:
            context.report.noted["aliases that point elsewhere here"] += 1
        elif number in made:
            version = made[number]
            turn = PastAliasChange(name, None, number, at)
            context.writer.alias(model, name, version.id if version else None, turn)
        else:
            context.report.left_out["aliases that point to no version"] += 1


def _aliases_here(model: LockedModel) -> dict[str, int]:
    rows = RegisteredModel.objects.filter(pk=model.pk, aliases__isnull=False)
    return dict(rows.values_list("aliases__alias", "aliases__version__number"))


def _number(value: object) -> int:
    number = cells.whole(value, "version")
    if not 0 < number <= _MOST:
        raise Unfit(f"version is {number}")
    return number


def _short(listed: Any) -> dict[str, str]:
    tags = cells.pairs(listed)
    for name in tags:
        cells.checked(name, "key", most=_MAX_KEY)
    return tags
