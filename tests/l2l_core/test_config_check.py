"""Parts of a configuration that do not fit each other, with a third party's components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from l2l_core.config import ComponentConfig, DataConfig, RestorerConfig, RunConfig
from l2l_core.config_check import check_components
from l2l_core.config_file import apply_overrides, parse_config, resolved
from l2l_core.errors import ConfigError, UnknownComponentError

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]

PLUGIN = """
    from attrs import define, field, validators
    from l2l_core.components import Geometry, Loss, LossInfo, Restorer, RestorerInfo, hookimpl
    from l2l_core.errors import OptionsError

    @define(frozen=True)
    class Native(Loss):
        def __call__(self, ops, target, prediction, *, channel_axis, mask=None): ...

    @define(frozen=True)
    class Likelihood(Native):
        outputs = ("mean", "scale")

    @define(frozen=True)
    class Options:
        side: int = field(default=1, validator=validators.ge(1))
        scale: bool = False

    class Method(Restorer):
        Options = Options

        @classmethod
        def outputs_of(cls, options):
            return ("mean", "scale") if options.scale else ("mean",)

        def __init__(self, options, **where):
            super().__init__(options, **where)
            if options.side == 13:
                raise OptionsError("a side of 13 brings bad luck")
            if options.side == 14:
                raise RuntimeError("wants two channels")
            self.geometry = Geometry(axes=self.axes, multiple=options.side)

        def restore(self, batch): ...

    class Adversarial(Method):
        roles = ("cycle", "identity")

    @hookimpl
    def l2l_losses():
        yield LossInfo(name="native", target="l2l_third:Native", summary="N", frameworks={"torch"})
        yield LossInfo(name="likelihood", target="l2l_third:Likelihood", summary="L")
        yield LossInfo(name="absent", target="l2l_third:Likelihood", summary="L",
                       requires="l2l_absent", install="l2l-third[absent]")

    @hookimpl
    def l2l_restorers():
        yield RestorerInfo(name="method", target="l2l_third:Method", summary="M")
        yield RestorerInfo(name="flat", target="l2l_third:Method", summary="M", dimensions=2)
        yield RestorerInfo(name="adversarial", target="l2l_third:Adversarial", summary="A")
        yield RestorerInfo(name="uninstalled", target="l2l_third:Method", summary="M",
                           engine="torch", requires="l2l_absent", install="l2l-third[absent]")
"""


def problems(*overrides: str) -> list[str]:
    tables = {"data": {"input": "a"}, "restorer": {"name": "method"}}
    try:
        parse_config(apply_overrides(tables, overrides), "run.toml")
    except ConfigError as error:
        first, *rest = str(error).splitlines()
        return [line.strip() for line in rest] or [first.removeprefix("run.toml: ")]
    return []


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], None),
        (
            ["loss=native"],
            (
                "loss 'native' runs on torch alone, and restorer 'method' is trained on numpy; "
                "choose another loss or another restorer.backend @ loss"
            ),
        ),
        (
            ["loss=likelihood"],
            (
                "loss 'likelihood' reads mean and scale, and restorer 'method' with these options "
                "gives mean alone; choose another loss, or restorer.options that give what it "
                "reads @ loss"
            ),
        ),
        (["loss=likelihood", "restorer.options.scale=true"], None),
        (
            ["restorer.options.scale=true"],
            (
                "restorer 'method' with these options gives mean and scale, and no loss reads "
                "scale; choose a loss that does @ loss"
            ),
        ),
        (
            ["loss=absent"],
            (
                "loss absent of l2l-third needs l2l_absent, which is not installed; "
                "pip install 'l2l-third[absent]' @ loss"
            ),
        ),
        (
            ["restorer.name=uninstalled"],
            (
                "restorer uninstalled on torch of l2l-third needs l2l_absent, which is not "
                "installed; pip install 'l2l-third[absent]' @ restorer.backend"
            ),
        ),
        (
            ["restorer.backend=torch"],
            (
                "restorer 'method' needs no framework; got the backend 'torch', expected 'auto' "
                "@ restorer.backend"
            ),
        ),
        (
            ["restorer.name=gaussian"],
            (
                "restorer 'gaussian' is a filter without training; restore with it straight away, "
                "giving 'gaussian' for the model @ restorer.name"
            ),
        ),
        (
            ["restorer.options.side=0"],
            "'side' must be >= 1: 0 @ restorer.options.side",
        ),
        (
            ["restorer.name=flat", "patches.shape=[8, 64, 64]"],
            "patches of shape [8, 64, 64] are 3D, and restorer 'flat' works in 2D @ patches.shape",
        ),
        (
            ["restorer.options.side=16", "patches.shape=[64, 40]"],
            (
                "the sides of a patch, [64, 40], are no multiples of [16, 16] as restorer 'method' "
                "wants them along YX; [64, 32] would do @ patches.shape"
            ),
        ),
        (["restorer.options.side=16", "patches.shape=[64, 48]"], None),
        (
            ["restorer.options.side=13"],
            "restorer 'method' cannot be made: a side of 13 brings bad luck @ restorer.options",
        ),
        # Nobody can tell before the images are read how many channels there are.
        (["restorer.options.side=14"], None),
    ],
)
def test_parts_that_do_not_fit_are_one_sentence(
    install: Install, overrides: list[str], expected: str | None
) -> None:
    install("l2l-third", PLUGIN)
    assert problems(*overrides) == ([expected] if expected else [])


def test_a_loss_is_wanted_in_every_role_and_in_no_other(install: Install) -> None:
    install("l2l-third", PLUGIN)
    assert problems("restorer.name=adversarial", "loss={cycel='mae', identity='mse'}") == [
        (
            "restorer 'adversarial' has no loss in the role 'cycel', did you mean 'cycle'? "
            "(its roles: cycle, identity) @ loss.cycel"
        ),
        "restorer 'adversarial' wants a loss in the role 'cycle' @ loss",
    ]
    assert problems("restorer.name=adversarial", "loss={cycle='mae', identity='mse'}") == []


def test_paths_lead_into_the_loss_of_a_role(install: Install) -> None:
    install("l2l-third", PLUGIN)
    found = problems(
        "restorer.name=adversarial",
        "loss={cycle={name='ssim',options={sigm=1}}, identity='msee'}",
    )
    assert found[0] == "unknown key 'sigm', did you mean 'sigma'? @ loss.cycle.options"
    assert found[1].endswith("@ loss.identity")


def test_a_sum_runs_where_all_its_losses_do(install: Install) -> None:
    install("l2l-third", PLUGIN)
    (problem,) = problems("loss={name='sum',options={terms=[{name='mae'},{name='native'}]}}")
    assert problem.startswith("loss 'sum' runs on torch alone")


def test_checks_of_a_sound_table_are_made_beside_an_unsound_one(install: Install) -> None:
    install("l2l-third", PLUGIN)
    found = problems("train.epochs=x", "restorer.options.sid=3", "loss=likelihood", "patches.x=1")
    assert [problem.rpartition("@ ")[2] for problem in found] == [
        "patches",
        "train.epochs",
        "restorer.options",
    ]


@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("[{name='white_top_hat',options={size=11}},{name='binary_map'}]", []),
        (
            "[{name='gaussian'},{name='white_top_hat',options={siz=11}}]",
            ["unknown key 'siz', did you mean 'size'? @ restorer.chain[1].options"],
        ),
        (
            "[{name='white_top_hat',options={size='a'}}]",
            ["@ restorer.chain[0].options.size"],
        ),
        ("[{name='gausian'}]", ["did you mean 'gaussian'?", "@ restorer.chain[0].name"]),
        ("[{name='care'}]", ["'care' has to be trained", "@ restorer.chain[0].name"]),
        (
            "[{name='gaussian',options={sigma=[1,1,1]}}]",
            ["works in ZYX, and patches of shape [128, 128]", "@ restorer.chain[0].options"],
        ),
        ("[{name='gaussian',options={sigma=[1,1,1,1]}}]", ["@ restorer.chain[0].options.sigma"]),
    ],
)
def test_what_follows_a_method_is_made_of_filters_that_fit(chain: str, expected: list[str]) -> None:
    found = problems("restorer.name=linear_filter", f"restorer.chain={chain}")
    assert len(found) == bool(expected)
    for part in expected:
        assert part in found[0]


def test_a_configuration_made_in_python_is_checked_alike() -> None:
    config = RunConfig(
        data=DataConfig(input="a"),
        restorer=RestorerConfig(name="linear_filter"),
        loss={"target": ComponentConfig(name="maee")},
    )
    (problem,) = check_components(config)
    assert problem.startswith("no loss is called 'maee', did you mean 'mae'?")
    assert problem.endswith("@ loss")
    with pytest.raises(UnknownComponentError):
        resolved(config)
