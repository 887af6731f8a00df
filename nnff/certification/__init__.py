"""From a problem to a certificate: attack, anytime loop, verdict, curve."""

from nnff.certification.certificate import Certificate, Reason, SolverRun, Trust, Verdict, Witness
from nnff.certification.certify import STRATEGIES, certify
from nnff.certification.counterfactual import counterfactual, identical_but
from nnff.certification.curve import Curve, CurvePoint, curve
from nnff.certification.largest_epsilon import LargestEpsilon, largest_epsilon
from nnff.certification.local import local
from nnff.certification.local_bracket import LocalBracket, LocalCertificates, Share
from nnff.certification.memory import Memory
from nnff.certification.outputs import certify_outputs
from nnff.certification.progress import CertifyProgress
from nnff.certification.sensitivity import FeatureBracket, Sensitivity, sensitivity
from nnff.certification.shape import Linearity, Rise
from nnff.ranges import closed_form

__all__ = [
    "STRATEGIES",
    "Certificate",
    "CertifyProgress",
    "Curve",
    "CurvePoint",
    "FeatureBracket",
    "LargestEpsilon",
    "Linearity",
    "LocalBracket",
    "LocalCertificates",
    "Memory",
    "Reason",
    "Rise",
    "Sensitivity",
    "Share",
    "SolverRun",
    "Trust",
    "Verdict",
    "Witness",
    "certify",
    "certify_outputs",
    "closed_form",
    "counterfactual",
    "curve",
    "identical_but",
    "largest_epsilon",
    "local",
    "sensitivity",
]
