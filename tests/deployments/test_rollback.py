"""Going back: to the newest earlier version that served and was not undone."""

import pytest

from deployments.errors import (
    DeploymentInProgress,
    MayNotDeploy,
    NoEarlierDeployment,
    NotActive,
)
from deployments.models import Deployment
from deployments.plan import DeploymentPlan
from deployments.states import Mover, Status
from lifecycle.artifacts import file_path
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    served,
    walked,
)
from tests.lifecycle.factories import RegisteredModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def versions():
    model = RegisteredModelFactory()
    return [VersionFactory(model=model) for _ in range(3)]


def test_a_rollback_is_a_new_deployment_of_the_version_before(versions, person):
    first, second = served(versions[0]), served(versions[1])

    restored = second.roll_back(by=person("admin"), reason="wrong labels")

    assert restored.status == Status.PENDING
    assert (restored.revision, restored.model_version) == (3, versions[0])
    assert (restored.rollback_from, restored.restores) == (second, first)
    assert restored.artifact_sha256 == first.artifact_sha256
    second.refresh_from_db()
    assert second.status == Status.ACTIVE


def test_the_undone_one_serves_until_the_restored_one_is_active(versions):
    first, second = served(versions[0]), served(versions[1])
    restored = second.roll_back(reason="wrong labels")

    walked(restored)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.TERMINATED, Status.ROLLBACK)
    assert second.superseded_by == restored
    assert second.events.last().message == "undone by revision 3: wrong labels"
    assert restored.slot.active == restored
    second.model_version.refresh_from_db()
    assert second.model_version.rollback_notes == "undone by revision 3: wrong labels"


def test_a_second_rollback_goes_further_back_and_does_not_ping_pong(versions):
    first, _second, third = (served(version) for version in versions)

    once = walked(third.roll_back())
    twice = walked(once.roll_back())

    assert once.model_version == versions[1]
    assert twice.model_version == versions[0]
    assert twice.restores == first
    with pytest.raises(NoEarlierDeployment):
        twice.roll_back()


def test_a_first_deployment_has_nothing_to_go_back_to(versions):
    deployment = served(versions[0])

    with pytest.raises(NoEarlierDeployment):
        deployment.roll_back()

    assert Deployment.objects.count() == 1


def test_a_version_that_was_deployed_again_is_left_for_the_one_before(versions):
    served(versions[0])
    served(versions[1])
    again = served(versions[1])

    assert again.roll_back().model_version == versions[0]


def resized(version, instances):
    plan = DeploymentPlan(instances=instances)
    return walked(Deployment.request(version, "development", by=None, plan=plan))


def test_another_version_comes_before_another_size(versions):
    served(versions[0])
    served(versions[1])

    assert resized(versions[1], 3).roll_back().model_version == versions[0]


def test_where_only_one_version_served_its_size_before_returns(versions):
    small = served(versions[0])
    large = resized(versions[0], 3)

    restored = walked(large.roll_back())

    assert (restored.restores, restored.instances) == (small, 1)


def test_the_same_in_the_same_size_is_nothing_to_go_back_to(versions):
    served(versions[0])

    with pytest.raises(NoEarlierDeployment):
        served(versions[0]).roll_back()


def test_what_never_served_is_passed_over(versions):
    served(versions[0])
    Deployment.request(versions[1], "development", by=None).fail("no")
    third = served(versions[2])

    assert third.roll_back().model_version == versions[0]


def test_a_changed_or_missing_artifact_is_passed_over(versions):
    served(versions[0])
    second, third = served(versions[1]), served(versions[2])
    file_path(second.artifact).unlink()

    assert third.roll_back().model_version == versions[0]


def test_only_the_active_one_can_be_rolled_back(versions):
    first, _ = served(versions[0]), served(versions[1])

    with pytest.raises(NotActive):
        first.roll_back()


def test_a_target_may_be_named(versions):
    first, _second, third = (served(version) for version in versions)

    assert third.roll_back(target=first).model_version == versions[0]


def test_a_target_of_another_slot_is_refused(versions):
    served(versions[0])
    second = served(versions[1])
    stranger = DeploymentFactory(active=True)

    with pytest.raises(NoEarlierDeployment):
        second.roll_back(target=stranger)


def test_the_same_rollback_twice_is_one(versions):
    served(versions[0])
    second = served(versions[1])
    restored = second.roll_back()

    with pytest.raises(DeploymentInProgress) as refused:
        second.roll_back()

    assert refused.value.extra == {"deployment_id": str(restored.pk)}
    assert Deployment.objects.count() == 3


def test_a_rollback_overtakes_what_was_on_its_way(versions):
    served(versions[0])
    second = served(versions[1])
    third = walked(
        Deployment.request(versions[2], "development", by=None), Status.VALIDATING
    )

    second.roll_back()

    third.refresh_from_db()
    assert third.status == Status.FAILED
    assert third.error_message == "a rollback of revision 2 overtook it"


def test_the_system_may_roll_back_too(versions):
    served(versions[0])
    second = served(versions[1])

    restored = second.roll_back(mover=Mover.SYSTEM, reason="unhealthy")

    entered = restored.events.get()
    assert (entered.mover, entered.actor, entered.message) == (
        "system",
        None,
        "unhealthy",
    )


def test_a_rollback_needs_its_permission(versions, person):
    served(versions[0])
    second = served(versions[1])

    with pytest.raises(MayNotDeploy):
        second.roll_back(by=person("viewer"))


def test_a_rollback_asks_for_no_approval(versions, person):
    for version in versions[:2]:
        version.approve(by=person("approver"))
        served(version, "production")
    second = Deployment.objects.get(model_version=versions[1])
    type(versions[0]).objects.update(approved_at=None, approved_by=None)

    assert walked(second.roll_back()).status == Status.ACTIVE
