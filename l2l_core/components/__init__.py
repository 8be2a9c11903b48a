"""Interfaces of the kinds of component, the records that announce them, and the registry.

A plugin module needs ``from l2l_core.components import hookimpl, LossInfo`` (or the record of
its kind); the class behind it subclasses :class:`Loss`, :class:`Augmenter`, :class:`Metric`,
:class:`Restorer` or :class:`ModelFormat`.  Importing this package loads neither NumPy nor a
framework.
"""

from l2l_core.components.augmenter import Augmenter
from l2l_core.components.geometry import Geometry, Padding
from l2l_core.components.hookspecs import hookimpl
from l2l_core.components.loss import Loss, masked_mean
from l2l_core.components.metric import MergeableMetric, Metric
from l2l_core.components.model_format import ModelContent, ModelFormat
from l2l_core.components.records import (
    API,
    AugmenterInfo,
    LossInfo,
    MetricInfo,
    ModelFormatInfo,
    OpsInfo,
    RestorerInfo,
)
from l2l_core.components.restorer import NoOptions, Restorer, check_state
from l2l_core.components.training import (
    EpochRecord,
    Events,
    FitReport,
    Paired,
    Sample,
    Samples,
    Schedule,
    Single,
    TrainingState,
    Unpaired,
    ValidationSamples,
)

__all__ = [
    "API",
    "Augmenter",
    "AugmenterInfo",
    "EpochRecord",
    "Events",
    "FitReport",
    "Geometry",
    "Loss",
    "LossInfo",
    "MergeableMetric",
    "Metric",
    "MetricInfo",
    "ModelContent",
    "ModelFormat",
    "ModelFormatInfo",
    "NoOptions",
    "OpsInfo",
    "Padding",
    "Paired",
    "Restorer",
    "RestorerInfo",
    "Sample",
    "Samples",
    "Schedule",
    "Single",
    "TrainingState",
    "Unpaired",
    "ValidationSamples",
    "check_state",
    "hookimpl",
    "masked_mean",
]
