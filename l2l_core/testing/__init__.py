"""Test suites that a third party inherits to check a component in one line each."""

from l2l_core.testing.augmenter_suite import AugmenterSuite
from l2l_core.testing.loss_suite import LossSuite
from l2l_core.testing.metric_suite import MetricSuite
from l2l_core.testing.ops_suite import OpsSuite
from l2l_core.testing.restorer_suite import RestorerSuite

__all__ = ["AugmenterSuite", "LossSuite", "MetricSuite", "OpsSuite", "RestorerSuite"]
