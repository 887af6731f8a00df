"""Write the reference pages that are made from the code: schema, configuration, solvers.

Run it after changing any of them; tests compare the committed pages with the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from nnff.certification import Certificate
from nnff.config.reference import config_reference
from nnff.solver.reference import solver_reference

HERE = Path(__file__).parent


def main() -> None:
    """Write every generated page beside this file."""
    schema = json.dumps(Certificate.model_json_schema(mode="serialization"), indent=2) + "\n"
    (HERE / "certificate.schema.json").write_text(schema, encoding="utf-8")
    (HERE / "config.md").write_text(config_reference(), encoding="utf-8")
    (HERE / "solvers.md").write_text(solver_reference(), encoding="utf-8")


if __name__ == "__main__":
    main()
