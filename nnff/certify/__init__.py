"""From a problem to a certificate: attack, anytime loop, verdict, curve."""

from nnff.certify.certificate import Certificate, Reason, SolverRun, Trust, Verdict, Witness
from nnff.certify.certify import STRATEGIES, certify, closed_form
from nnff.certify.curve import Curve, CurvePoint, curve
from nnff.certify.progress import CertifyProgress

__all__ = [
    "STRATEGIES",
    "Certificate",
    "CertifyProgress",
    "Curve",
    "CurvePoint",
    "Reason",
    "SolverRun",
    "Trust",
    "Verdict",
    "Witness",
    "certify",
    "closed_form",
    "curve",
]
