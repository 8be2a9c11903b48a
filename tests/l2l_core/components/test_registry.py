from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from l2l_core.components.discovery import Registration
from l2l_core.components.engines import for_training
from l2l_core.components.records import LossInfo
from l2l_core.components.registry import (
    PluginWarning,
    is_available,
    load,
    missing_requirements,
    registry,
)
from l2l_core.errors import (
    ComponentError,
    ConflictingComponentsError,
    MissingDependencyError,
    UnknownComponentError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Install = Callable[..., None]


def losses(*names: str, module: str = "l2l_somewhere") -> str:
    """Return the code of a plugin with these losses."""
    records = "\n".join(
        f"    yield LossInfo(name={name!r}, target='{module}:Loss', summary='A loss')"
        for name in names
    )
    return (
        "from l2l_core.components import LossInfo, hookimpl\n"
        f"@hookimpl\ndef l2l_losses():\n{records}\n"
    )


def restorers(name: str, *engines: str, trains: bool = True, requires: str = "") -> str:
    """Return the code of a plugin with one restorer on these engines."""
    needed = (requires,) if requires else ()
    records = "\n".join(
        f"    yield RestorerInfo(name={name!r}, engine={engine!r}, target='somewhere:{engine}R',"
        f" summary='A restorer', trains={trains}, requires={needed!r}, install='l2l-x[y]')"
        for engine in engines
    )
    return (
        "from l2l_core.components import RestorerInfo, hookimpl\n"
        f"@hookimpl\ndef l2l_restorers():\n{records}\n"
    )


def registration(target: str, **particulars: object) -> Registration:
    info = LossInfo(name="mine", target=target, summary="A loss", **particulars)  # type: ignore[arg-type]
    return Registration(info, "l2l-mine", "1.0", "mine")


def test_two_distributions_with_one_key_block_each_other_and_the_error_names_both(
    install: Install,
) -> None:
    install("l2l-one", losses("twice", "only_one"))
    install("l2l-two", losses("twice"), version="2.5")
    with pytest.warns(PluginWarning, match="twice"):
        known = registry()
    with pytest.raises(ConflictingComponentsError) as raised:
        known.find("loss", "twice")
    message = str(raised.value)
    for part in ("l2l-one 1.0", "l2l-two 2.5", "none of them is used"):
        assert part in message
    assert "L2L_BLOCK_PLUGINS=l2l-two or L2L_BLOCK_PLUGINS=l2l-one" in message
    assert {broken.distribution for broken in known.broken} == {"l2l-one", "l2l-two"}
    assert {broken.name for broken in known.broken} == {"loss twice"}
    assert known.find("loss", "only_one").distribution == "l2l-one"


def test_blocking_one_of_them_settles_it(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("l2l-one", losses("twice"))
    install("l2l-two", losses("twice"))
    monkeypatch.setenv("L2L_BLOCK_PLUGINS", "l2l-one")
    assert registry().find("loss", "twice").distribution == "l2l-two"
    assert registry().broken == ()


def test_the_remedy_for_three_claimants_leaves_one(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        install(f"l2l-{name}", losses("thrice"))
    with pytest.warns(PluginWarning):
        (sentence,) = registry().conflicts.values()
    assert "L2L_BLOCK_PLUGINS=l2l-b,l2l-c" in sentence
    registry.cache_clear()
    monkeypatch.setenv("L2L_BLOCK_PLUGINS", "l2l-b,l2l-c")
    assert registry().find("loss", "thrice").distribution == "l2l-a"


def test_a_distribution_that_registers_a_key_twice_is_told_so(install: Install) -> None:
    install("l2l-one", losses("twice", "twice"))
    with pytest.warns(PluginWarning, match="registered more than once by l2l-one"):
        known = registry()
    assert len(known.broken) == 1
    with pytest.raises(ConflictingComponentsError):
        known.find("loss", "twice")


def test_our_own_names_cannot_be_replaced(install: Install) -> None:
    install("a-shadow", losses("mae", "their_own", module="a_shadow"))
    with pytest.warns(PluginWarning, match="a-shadow.*registers loss mae, a name of label2label's"):
        known = registry()
    assert known.find("loss", "mae").own
    assert known.find("loss", "their_own").distribution == "a-shadow"
    (broken,) = known.broken
    assert (broken.name, broken.distribution) == ("loss mae", "a-shadow")


def test_a_restorer_may_have_several_engines_from_several_distributions(install: Install) -> None:
    install("l2l-one", restorers("shared", "torch"))
    install("l2l-two", restorers("shared", "onnx", trains=False))
    known = registry()
    assert {r.info.key for r in known.engines("shared")} == {
        ("shared", "torch"),
        ("shared", "onnx"),
    }
    assert known.find("restorer", "shared", "onnx").distribution == "l2l-two"
    with pytest.raises(ComponentError, match=r"several engines \(torch, onnx\)"):
        known.find("restorer", "shared")
    with pytest.raises(UnknownComponentError, match="no engine 'tensorflow'; it has torch, onnx"):
        known.find("restorer", "shared", "tensorflow")


def test_a_conflict_over_one_engine_leaves_the_others_usable(install: Install) -> None:
    install("l2l-one", restorers("shared", "torch", "onnx"))
    install("l2l-two", restorers("shared", "onnx"))
    with pytest.warns(PluginWarning, match="restorer shared on onnx"):
        known = registry()
    assert known.find("restorer", "shared").info.key == ("shared", "torch")
    with pytest.raises(ConflictingComponentsError, match="restorer shared on onnx"):
        known.find("restorer", "shared", "onnx")
    # Tensorflow is in nobody's way: it is unknown, and not in conflict.
    with pytest.raises(UnknownComponentError):
        known.find("restorer", "shared", "tensorflow")


def test_a_restorer_whose_every_engine_is_claimed_twice_is_a_conflict(install: Install) -> None:
    install("l2l-one", restorers("shared", "torch"))
    install("l2l-two", restorers("shared", "torch"))
    with pytest.warns(PluginWarning):
        known = registry()
    with pytest.raises(ConflictingComponentsError):
        known.engines("shared")


def test_an_unknown_name_lists_the_known_ones_and_suggests_the_nearest() -> None:
    with pytest.raises(
        UnknownComponentError, match=r"'ms_sim', did you mean 'ms_ssim'.*charbonnier"
    ):
        registry().find("loss", "ms_sim")
    with pytest.raises(UnknownComponentError, match="no restorer is called 'carre', did you mean"):
        registry().find("restorer", "carre")
    with pytest.raises(UnknownComponentError, match="no kind of component is called 'los', did"):
        registry().find("los", "mae")


def test_what_is_not_installed_is_known_but_not_available() -> None:
    absent = registration("json:JSONDecoder", requires="l2l_absent", install="l2l-mine[absent]")
    assert missing_requirements(absent) == ("l2l_absent",)
    with pytest.raises(
        MissingDependencyError, match=r"needs l2l_absent, .*; pip install 'l2l-mine\[absent\]'"
    ):
        load(absent)


def test_asking_what_is_available_imports_nothing() -> None:
    code = (
        "import sys\n"
        "from l2l_core.components.registry import is_available, registry\n"
        "from l2l_core.components.discovery import Registration\n"
        "from l2l_core.components.records import LossInfo\n"
        "info = LossInfo(name='x', target='a:B', summary='X', requires=('xml.dom.minidom',))\n"
        "assert is_available(Registration(info, 'x', '1', 'x'))\n"
        "[is_available(found) for found in registry().components]\n"
        "sys.exit(any(n in sys.modules for n in ('xml', 'torch', 'numpy', 'cattrs')))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_available_is_told() -> None:
    assert is_available(registration("json:JSONDecoder", requires=("json", "attrs")))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("l2l_absent:Loss", "No module named 'l2l_absent'"),
        ("json:NoSuchClass", "has no attribute 'NoSuchClass'"),
        ("json:dumps", "is a function; expected a class"),
        ("json:JSONDecoder.nothing", "has no attribute 'nothing'"),
    ],
)
def test_a_target_that_cannot_be_loaded_names_its_distribution(target: str, expected: str) -> None:
    with pytest.raises(ComponentError, match=expected) as raised:
        load(registration(target))
    assert "l2l-mine" in str(raised.value)
    assert "L2L_BLOCK_PLUGINS=l2l-mine" in str(raised.value)


def test_a_target_that_ends_the_process_is_an_error(install: Install) -> None:
    install("l2l-exits", "raise SystemExit(3)")
    with pytest.raises(ComponentError, match="SystemExit: 3"):
        load(registration("l2l_exits:Loss"))


def test_training_prefers_torch_then_tensorflow_then_what_there_is(install: Install) -> None:
    install("l2l-one", restorers("shared", "zzz", "tensorflow", "torch", "aaa"))
    assert for_training("shared").info.key == ("shared", "torch")
    assert for_training("shared", "zzz").info.key == ("shared", "zzz")
    assert for_training("shared", "auto").info.key == ("shared", "torch")


def test_training_takes_an_engine_that_is_installed(install: Install) -> None:
    install("l2l-one", restorers("shared", "torch", requires="l2l_absent"))
    install("l2l-two", restorers("shared", "zzz"))
    assert for_training("shared").info.key == ("shared", "zzz")


def test_training_without_any_engine_says_what_to_install(install: Install) -> None:
    install("l2l-one", restorers("shared", "torch", "tensorflow", requires="l2l_absent"))
    with pytest.raises(MissingDependencyError, match=r"pip install 'l2l-x\[y\]'"):
        for_training("shared")


def test_an_engine_that_only_predicts_does_not_train(install: Install) -> None:
    install("l2l-one", restorers("shared", "torch"))
    install("l2l-two", restorers("shared", "onnx", trains=False))
    with pytest.raises(
        UnknownComponentError, match="only predicts on 'onnx'; it trains on 'torch'"
    ):
        for_training("shared", "onnx")
    with pytest.raises(
        UnknownComponentError, match="does not train on 'tpu'; it trains on 'torch'"
    ):
        for_training("shared", "tpu")


def test_a_restorer_without_a_framework_has_no_backend_to_choose(install: Install) -> None:
    install("l2l-one", restorers("alone", ""))
    assert for_training("alone").info.key == ("alone", "")
    with pytest.raises(UnknownComponentError, match="needs no framework; got the backend 'torch'"):
        for_training("alone", "torch")


def test_a_filter_is_not_trained() -> None:
    with pytest.raises(ComponentError, match="'gaussian' is a filter without training"):
        for_training("gaussian")
