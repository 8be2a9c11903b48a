"""What the entry point names: the hook, light enough to list without NumPy or SciPy."""

from l2l_core.components import RestorerInfo, hookimpl


@hookimpl
def l2l_restorers():
    yield RestorerInfo(
        name="linear_filter",
        target="l2l_linear_filter:LinearFilter",
        summary="Linear filter of least squared error between input and target (example plugin)",
    )
