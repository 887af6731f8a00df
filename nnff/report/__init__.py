"""What people read: the HTML report and the picture of the eps-delta curve."""

from nnff.report.curve_figure import write_curve
from nnff.report.report import DEFAULT_TITLE, render_report, write_report
from nnff.report.tradeoff_figure import FamilyMember, write_tradeoff

__all__ = ["DEFAULT_TITLE", "FamilyMember", "render_report", "write_curve", "write_report", "write_tradeoff"]
