import pytest

tf = pytest.importorskip(
    "tensorflow", reason="THE TENSORFLOW ENGINE IS NOT TESTED: tensorflow is missing"
)

from l2l_backends.tensorflow.compiling import Compiled  # noqa: E402


def test_what_xla_cannot_compile_runs_without_it_and_says_so_once():
    said = []
    of_text = Compiled(lambda x: tf.strings.to_number(tf.strings.as_string(x)) + 1, said.append)
    assert of_text(tf.constant(2.0)) == 3
    assert of_text(tf.constant(3.0)) == 4
    (sentence,) = said
    assert "XLA cannot compile" in sentence
    assert "\n" not in sentence


def test_what_xla_can_compile_is_compiled():
    doubled = Compiled(lambda x: 2 * x, pytest.fail)
    assert doubled(tf.constant(2.0)) == 4
    assert doubled._compiled.experimental_get_compiler_ir(tf.constant(2.0))()
