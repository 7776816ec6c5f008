"""Hypothesis profiles: `ci` unless the variable `HYPOTHESIS_PROFILE` names `thorough`.

    @settings(max_examples=examples(60))

`ci` tries the same examples in every run. `thorough` tries ten times as many, and new ones each
time.
"""

import os

from hypothesis import settings

DEFAULT_EXAMPLES = 100
FACTORS = {"ci": 1.0, "thorough": 10.0}
MIN_EXAMPLES = 10
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")


def examples(count: int) -> int:
    """Scale a number of examples by the profile.

    Args:
        count: Examples of the profile `ci`; the default is 100.
    """
    return max(MIN_EXAMPLES, round(count * FACTORS[PROFILE]))


for _name, _factor in FACTORS.items():
    settings.register_profile(
        _name,
        max_examples=round(DEFAULT_EXAMPLES * _factor),
        derandomize=_name == "ci",
        deadline=None,
        print_blob=True,
        database=None,
    )
settings.load_profile(PROFILE)
