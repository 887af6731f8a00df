"""What people read: the HTML report and the picture of the eps-delta curve."""

from nnff.report.curve_figure import write_curve
from nnff.report.report import DEFAULT_TITLE, render_report, write_report

__all__ = ["DEFAULT_TITLE", "render_report", "write_curve", "write_report"]
