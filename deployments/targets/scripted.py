"""A target in memory that does what a script says: for tests of the reconciler."""

from dataclasses import dataclass, field

from deployments.serving.terms import (
    Phase,
    ReadingComparison,
    Route,
    Spec,
    TargetObservation,
    TargetRefused,
    Tensor,
    TokenAccess,
    TransientTargetError,
    Validation,
)
from deployments.targets.base import Capabilities

SIGNATURE = (Tensor("input", "FP32", (-1, 1)),)


@dataclass(slots=True)
class Script:
    """Scripted behaviour of one model version.

    `validation_calls` and `starting_calls` are how often the target answers "not
    yet" before it has something to say. The texts make it fail; a `defect` is an
    error that no target should raise. A `difference` is what newer rules of reading
    answer otherwise, `incomparable` why that is not known.
    """

    validation_calls: int = 0
    refusal: str = ""
    starting_calls: int = 0
    failure: str = ""
    defect: str = ""
    difference: str = ""
    incomparable: str = ""


@dataclass(slots=True)
class _Running:
    spec: Spec
    observed: int = 0
    down: str = ""


@dataclass(slots=True)
class ScriptedTarget:
    """Records its calls in `calls`; follows `scripts` by model version."""

    name: str = "scripted"
    scripts: dict[str, Script] = field(default_factory=dict)
    routes: dict[tuple[str, str], Route] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    access: TokenAccess = field(default_factory=TokenAccess)
    is_complete: bool = False
    error: str = ""
    missing_walls: tuple[str, ...] = ()
    ticks: int = 0
    closed: bool = False
    _running: dict[str, _Running] = field(default_factory=dict)
    _validating: dict[str, int] = field(default_factory=dict)

    def script(self, version: str, **outcome: int | str) -> Script:
        """Set and return what becomes of a version."""
        self.scripts[version] = Script(**outcome)  # type: ignore[arg-type]  # a test's own
        return self.scripts[version]

    def crash(self, deployment_id: str, message: str = "killed by SIGKILL") -> None:
        """Stop the instances from serving until `recover`."""
        self._running[deployment_id].down = message

    def recover(self, deployment_id: str) -> None:
        self._running[deployment_id].down = ""

    def vanish(self, deployment_id: str) -> None:
        """Forget a deployment behind the reconciler's back."""
        self._running.pop(deployment_id, None)

    def capabilities(self) -> Capabilities:
        return Capabilities(
            splits_traffic=True,
            mirrors=True,
            scales=False,
            missing_walls=self.missing_walls,
        )

    def validate(self, spec: Spec) -> Validation | None:
        self._note("validate", spec.deployment_id)
        script = self._script(spec)
        seen = self._validating.get(spec.deployment_id, 0)
        self._validating[spec.deployment_id] = seen + 1
        if seen < script.validation_calls:
            return None
        if script.defect:
            raise RuntimeError(script.defect)
        if script.refusal:
            raise TargetRefused(script.refusal)
        return Validation("scripted", SIGNATURE, SIGNATURE, 0.1)

    def compare(self, spec: Spec, before: Spec) -> ReadingComparison | None:
        self._note("compare", spec.deployment_id)
        script = self._script(spec)
        if script.incomparable:
            raise TargetRefused(script.incomparable)
        differences = (script.difference,) if script.difference else ()
        return ReadingComparison(differences, 1)

    def apply(self, spec: Spec) -> None:
        self._note("apply", spec.deployment_id)
        running = self._running.setdefault(spec.deployment_id, _Running(spec))
        running.spec = spec

    def observe(self, deployment_id: str) -> TargetObservation:
        self._note("observe", deployment_id)
        running = self._running.get(deployment_id)
        if running is None:
            return TargetObservation(Phase.ABSENT)
        running.observed += 1
        script, wanted = self._script(running.spec), running.spec.instances
        if running.observed <= script.starting_calls:
            return TargetObservation(Phase.STARTING, 0, wanted)
        if script.failure or running.down:
            phase = Phase.FAILED if script.failure else Phase.STARTING
            return TargetObservation(
                phase, 0, wanted, 1, script.failure or running.down
            )
        return TargetObservation(Phase.READY, wanted, wanted)

    def route(self, route: Route) -> None:
        self._note("route", f"{route.environment}/{route.model_name}")
        key = (route.environment, route.model_name)
        if route.entries:
            self.routes[key] = route
        else:
            self.routes.pop(key, None)

    def admit(self, access: TokenAccess) -> None:
        self.access = access

    def settle(self) -> None:
        if self.error:
            raise TransientTargetError(self.error)

    def complete(self) -> None:
        self.is_complete = True

    def stop(self, deployment_id: str) -> None:
        self._note("stop", deployment_id)
        self._running.pop(deployment_id, None)
        self._validating.pop(deployment_id, None)

    def logs(self, deployment_id: str, tail: int) -> list[str]:
        return [
            f"{verb} {named}" for verb, named in self.calls if named == deployment_id
        ][-tail:]

    def list(self) -> list[str]:
        return [*self._running]

    def tick(self) -> None:
        self.ticks += 1

    def close(self, *, stop_all: bool = False) -> None:
        self.closed = True
        if stop_all:
            self._running.clear()

    def _script(self, spec: Spec) -> Script:
        return self.scripts.get(spec.model_version, Script())

    def _note(self, verb: str, named: str) -> None:
        """Keep the call. Raises TransientTargetError while `error` is set."""
        self.calls.append((verb, named))
        if self.error:
            raise TransientTargetError(self.error)
