"""The engine in interpreters of its own: what it imports, what it prints, what it leaves alone."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from textwrap import dedent

import pytest

from l2l_backends.tensorflow.plugin import l2l_ops, l2l_restorers

NEEDED = ("tensorflow", "csbdeep")
needs_tensorflow = pytest.mark.skipif(
    not all(find_spec(name) for name in NEEDED),
    reason="THE TENSORFLOW ENGINE IS NOT TESTED: tensorflow or csbdeep is missing",
)


def run(code, **environment):
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(code)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_care_is_announced_for_tensorflow():
    (care,) = l2l_restorers()
    assert care.key == ("care", "tensorflow")
    assert care.requires == NEEDED
    assert care.install == "label2label[tensorflow]"
    assert care.trains
    (ops,) = l2l_ops()
    assert ops.requires == ("tensorflow",)


def test_announcing_imports_no_framework():
    done = run("""
        import sys
        from l2l_backends.tensorflow import plugin
        list(plugin.l2l_restorers()), list(plugin.l2l_ops())
        sys.exit(any(n in sys.modules for n in ("torch", "tensorflow", "keras", "numpy")))
    """)
    assert done.returncode == 0


@needs_tensorflow
def test_the_engine_trains_in_silence_without_torch_whatever_the_settings_of_keras(tmp_path):
    settings = {"image_data_format": "channels_first", "floatx": "float16", "backend": "torch"}
    (tmp_path / "keras.json").write_text(json.dumps(settings), encoding="utf-8")
    done = run(
        """
        import logging, random, sys
        logging.basicConfig(level=logging.INFO)
        random.seed(3)
        expected = random.Random(3).random()

        from l2l_core.components import Events, Schedule
        from l2l_core.components.factory import make_restorer
        from l2l_core.testing.tiny_training import SquaredError, SyntheticSamples

        made = make_restorer(
            "care", "tensorflow", {"first_filters": 2, "depth": 1},
            axes="YX", channels_in=1, channels_out=1, device="auto",
        )
        assert random.random() == expected, "Python's global generator was drawn from"
        samples = SyntheticSamples("paired", 1, 1, (16, 16), (16, 16), count=1)
        made.fit(
            samples, samples, losses={"target": SquaredError()}, metrics={},
            schedule=Schedule(epochs=1, steps_per_epoch=1, batch_size=1), seed=0, events=Events(),
        )
        assert made.restore(samples[0].input[None])["mean"].shape == (1, 1, 16, 16)
        import keras
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.floatx() == "float16"
        assert "torch" not in sys.modules, "torch was imported"
        """,
        KERAS_HOME=str(tmp_path),
        KERAS_BACKEND="torch",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""


def test_an_import_that_fails_tells_all_that_was_written_meanwhile(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os; os.write(2, b'I0000 00:00:1 1 cuda.cc:1] driver too old\\n'); raise OSError(7)",
        encoding="utf-8",
    )
    (tmp_path / "keras.py").touch()
    done = run("import l2l_backends.tensorflow.ops", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "driver too old" in done.stderr
    assert "OSError: 7" in done.stderr


def test_what_else_is_written_during_the_import_comes_out_after_it(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        dedent("""
            import logging, os
            os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called\\n")
            os.write(2, b"I0000 00:00:1795301876.065798    1475 port.cc:153] chatter\\n")
            os.write(2, b"what another thread says\\n")
            get_logger = logging.getLogger
        """),
        encoding="utf-8",
    )
    (tmp_path / "keras.py").write_text(
        "class config:\n    backend = staticmethod(lambda: 'tensorflow')\n", encoding="utf-8"
    )
    done = run("import l2l_backends.tensorflow.loading", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stderr == "what another thread says\n"


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is missing")
def test_the_torch_engine_imports_neither_tensorflow_nor_keras():
    done = run("""
        import sys
        import l2l_backends.torch.care
        found = [n for n in ("tensorflow", "keras", "csbdeep", "h5py") if n in sys.modules]
        sys.exit(", ".join(found) or 0)
    """)
    assert done.returncode == 0, done.stderr
