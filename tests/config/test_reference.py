"""The committed reference page.  To renew it::

python -c "from nnff.config import config_reference as page; print(page(), end='')" > docs/reference/config.md
"""

from __future__ import annotations

from pathlib import Path

import pytest

from nnff.config import SECTIONS, config_reference
from nnff.config.schema import Form, fields_of, form_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "config.md"


def test_the_committed_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == config_reference()


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_described(section):
    for key, field in fields_of(section).items():
        assert len(field.description or "") > 10, key
        assert form_of(section, key) in set(Form), key


def test_there_are_no_more_keys_than_a_person_can_survey():
    assert sum(len(fields_of(section)) for section in SECTIONS) <= 39
