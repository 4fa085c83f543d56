"""What a feature may do and what holds whatever is asked of it."""

import threading
from itertools import pairwise

import pytest
from django.db import connection, connections

from datasets.errors import (
    FeatureNotFound,
    HasDependents,
    IllegalMove,
    LineageCycle,
    NameTaken,
    NothingToRollBackTo,
    VersionNotFound,
    VersionTaken,
)
from datasets.models import Feature, lineage
from datasets.states import FEATURE_MOVES, FeatureStatus
from mlops.core.errors import Invalid
from mlops.core.models import AuditEntry
from tests.core.factories import UserFactory
from tests.datasets.factories import FeatureFactory

pytestmark = pytest.mark.django_db
DEFINITION = {"transformation_type": "sql", "code": "close / lag(close) - 1"}


def test_a_new_feature_is_a_draft_of_its_maker_with_a_first_version():
    maker = UserFactory()

    feature = FeatureFactory(by=maker, transformation=DEFINITION)

    assert (feature.status, feature.owner) == ("draft", maker)
    assert feature.versions.get().transformation_snapshot == DEFINITION
    assert AuditEntry.objects.get(object_id=str(feature.pk)).actor == maker


@pytest.mark.parametrize(
    "name", ["a/b", "a:b", "datasets", "usage", "uploads", "  ", "a\u202eb", "a\nb"]
)
def test_a_name_that_is_a_route_or_reads_wrongly_is_refused(name):
    with pytest.raises(Invalid) as refused:
        FeatureFactory(feature_name=name)

    assert refused.value.field == "feature_name"


def test_a_taken_name_is_refused():
    FeatureFactory(feature_name="ret_1d")

    with pytest.raises(NameTaken):
        FeatureFactory(feature_name="ret_1d")


@pytest.mark.parametrize("old", FeatureStatus)
@pytest.mark.parametrize("new", FeatureStatus)
def test_every_pair_of_statuses_follows_the_table(old, new):
    feature = FeatureFactory()
    Feature.objects.filter(pk=feature.pk).update(status=old)
    verbs = {"active": "activate", "deprecated": "deprecate", "archived": "archive"}
    feature.refresh_from_db()

    def move():
        if new in verbs:
            getattr(feature, verbs[new])(by=None)
        elif new != old:
            feature.update(by=None, status=new)
        else:
            raise IllegalMove("nothing to move")

    if new in FEATURE_MOVES[old]:
        move()
        feature.refresh_from_db()
        assert feature.status == new
    else:
        with pytest.raises(IllegalMove):
            move()


@pytest.mark.parametrize("verb", ["deprecate", "archive"])
def test_a_feature_that_others_are_computed_from_stays(verb):
    base = FeatureFactory.active()
    FeatureFactory.active(feature_name="on_top", upstream_features=[base.feature_name])

    with pytest.raises(HasDependents, match="on_top"):
        getattr(base, verb)(by=None)

    base.refresh_from_db()
    assert base.status == "active"


def test_a_feature_may_go_once_its_dependents_are_archived():
    base = FeatureFactory.active()
    dependent = FeatureFactory(upstream_features=[base.feature_name])

    dependent.archive(by=None)

    assert base.archive(by=None).status == "archived"


def test_an_unknown_upstream_feature_leaves_nothing_behind():
    with pytest.raises(FeatureNotFound) as refused:
        FeatureFactory(feature_name="orphan", upstream_features=["nowhere"])

    assert refused.value.field == "upstream_features"
    assert not Feature.objects.filter(feature_name="orphan").exists()


def test_lineage_is_walked_to_its_ends_nearest_first():
    names = ["raw_close", "ret_1d", "vol_21d", "sharpe_21d"]
    for place, name in enumerate(names):
        FeatureFactory(
            feature_name=name, upstream_features=names[max(place - 1, 0) : place]
        )

    found = Feature.objects.find("ret_1d").lineage(recursive=True)

    assert found["all_upstream"] == ["raw_close"]
    assert found["all_downstream"] == ["vol_21d", "sharpe_21d"]
    assert (found["direct_dependents_count"], found["total_dependents_count"]) == (1, 2)


def test_a_feature_reached_on_two_ways_is_listed_once():
    FeatureFactory(feature_name="top")
    FeatureFactory(feature_name="left", upstream_features=["top"])
    FeatureFactory(feature_name="right", upstream_features=["top"])
    bottom = FeatureFactory(
        feature_name="bottom", upstream_features=["left", "right", "top"]
    )

    found = lineage.upstream([bottom.pk])

    assert [(item.feature_name, item.depth) for item in found] == [
        ("left", 1),
        ("right", 1),
        ("top", 1),
    ]


@pytest.mark.parametrize("length", [5, lineage.DEEPEST + 2])
def test_a_circle_is_refused_however_long(length):
    links = [FeatureFactory(feature_name=f"link_{n}") for n in range(length)]
    edge = Feature.upstream.through
    edge.objects.bulk_create(
        edge(from_feature=below, to_feature=above) for above, below in pairwise(links)
    )

    with pytest.raises(LineageCycle):
        links[0].update(by=None, upstream_features=[links[-1].feature_name])


def test_a_feature_is_not_computed_from_itself():
    feature = FeatureFactory(feature_name="narcissus")

    with pytest.raises(LineageCycle):
        feature.update(by=None, upstream_features=["narcissus"])


def test_a_version_becomes_the_current_definition():
    feature = FeatureFactory(transformation=DEFINITION)
    other = {**DEFINITION, "code": "ln(close / lag(close))"}

    feature.release_version(
        "2.0.0", by=None, changelog="Log returns", transformation_snapshot=other
    )

    feature.refresh_from_db()
    assert (feature.current_version, feature.transformation) == ("2.0.0", other)
    with pytest.raises(VersionTaken):
        feature.release_version("2.0.0", by=None, changelog="Once more")


def test_rolling_back_restores_the_definition_and_marks_what_came_after():
    feature = FeatureFactory(transformation=DEFINITION)
    for version in ("2.0.0", "3.0.0"):
        feature.release_version(
            version,
            by=None,
            changelog="Another way",
            transformation_snapshot={**DEFINITION, "code": version},
        )

    target = feature.roll_back_to("1.0.0", by=None)

    feature.refresh_from_db()
    marked = feature.versions.exclude(rolled_back_at=None)
    assert target.version == feature.current_version == "1.0.0"
    assert feature.transformation == DEFINITION
    assert sorted(item.version for item in marked) == ["2.0.0", "3.0.0"]


def test_a_version_may_be_rolled_back_to_by_its_id():
    feature = FeatureFactory()
    first = feature.versions.get()
    feature.release_version("2.0.0", by=None, changelog="Another way")

    assert feature.roll_back_to(str(first.pk), by=None).version == "1.0.0"


def test_the_current_version_is_nothing_to_roll_back_to():
    feature = FeatureFactory()

    with pytest.raises(NothingToRollBackTo):
        feature.roll_back_to("1.0.0", by=None)
    with pytest.raises(VersionNotFound):
        feature.roll_back_to("9.9.9", by=None)


def test_use_is_recorded_for_a_version_that_exists():
    feature = FeatureFactory()
    use = {"used_by_model": "alpha", "model_version": "1", "environment": "staging"}

    feature.record_use(by=None, feature_version="1.0.0", **use)

    summary = feature.usages.summary()
    assert summary["total_usage_count"] == 1
    assert summary["environments"] == {"staging": 1}
    with pytest.raises(VersionNotFound):
        feature.record_use(by=None, feature_version="7", **use)


@pytest.mark.django_db(transaction=True)
def test_two_edges_written_at_once_never_close_a_circle():
    FeatureFactory(feature_name="a_side")
    FeatureFactory(feature_name="b_side", upstream_features=["a_side"])
    FeatureFactory(feature_name="c_side")
    FeatureFactory(feature_name="d_side", upstream_features=["c_side"])
    refused = []
    start = threading.Barrier(2)

    def relate(name, upstream):
        try:
            start.wait(timeout=60)
            Feature.objects.find(name).update(by=None, upstream_features=[upstream])
        except LineageCycle:
            refused.append(name)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=relate, args=pair)
        for pair in (("a_side", "d_side"), ("c_side", "b_side"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    above = {
        item.feature_name
        for item in lineage.upstream([Feature.objects.find("a_side").pk])
    }
    assert len(refused) == 1, connection.vendor
    assert "a_side" not in above
