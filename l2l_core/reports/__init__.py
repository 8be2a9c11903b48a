"""Results as pictures, tables and one HTML file."""

from l2l_core.reports.content import Example, MetricRow, ReportContent
from l2l_core.reports.html import write_panel_png, write_report

__all__ = ["Example", "MetricRow", "ReportContent", "write_panel_png", "write_report"]
