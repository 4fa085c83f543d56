"""Bind each feature to the column of its name where one dataset alone has had one.

Before, a feature's figures were those of any column with its name. Where several
datasets have had such a column nobody can tell which was meant: the feature stays
unbound and says so. What was bound here says that too (`origin`).
"""

from collections import defaultdict

from django.db import migrations


def bind(apps, schema_editor):
    Feature = apps.get_model("datasets", "Feature")
    Column = apps.get_model("datasets", "Column")
    names = Feature.objects.filter(binding=None).values("feature_name")
    holders = defaultdict(set)
    held = Column.objects.filter(name__in=names, version__state="ready").order_by()
    for name, dataset in held.values_list("name", "version__dataset").distinct():
        holders[name].add(dataset)
    for feature in Feature.objects.filter(binding=None).order_by("pk"):
        datasets = holders[feature.feature_name]
        if len(datasets) == 1:
            _bind(apps, feature, datasets.pop())


def _bind(apps, feature, dataset_id):
    dataset = apps.get_model("datasets", "Dataset").objects.get(pk=dataset_id)
    Column = apps.get_model("datasets", "Column")
    ready = dataset.versions.filter(state="ready").order_by("number")
    held = Column.objects.filter(
        version__dataset=dataset, version__state="ready", name=feature.feature_name
    )
    column = held.filter(version=dataset.current_version_id).first()
    is_broken = column is None
    if is_broken:
        column = held.order_by("-version__number").select_related("version").first()
        after = ready.filter(number__gt=column.version.number).first()
    apps.get_model("datasets", "FeatureBinding").objects.create(
        feature=feature,
        dataset=dataset,
        dataset_name=dataset.name,
        column=column.name,
        types={column.name: column.data_type},
        origin="migration",
        state="broken" if is_broken else "bound",
        broken_since=after.number if is_broken and after else None,
        reason="its column was removed" if is_broken else "",
    )


def unbind(apps, schema_editor):
    """What people bound goes with the table, when 0007 is undone."""
    bindings = apps.get_model("datasets", "FeatureBinding")
    bindings.objects.filter(origin="migration").delete()


class Migration(migrations.Migration):
    dependencies = [("datasets", "0007_bind_features")]

    operations = [migrations.RunPython(bind, unbind)]
