"""References between the tables of settings."""


def duplicates(table: str, ids: list[str]) -> list[str]:
    """Return a problem for each id that is used twice in a table."""
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    return [f"{table}: the id {name!r} is used twice" for name in repeated]


def dangling_references(
    table: str, key: str, pairs: list[tuple[str, str]], existing: set[str]
) -> list[str]:
    """Return a problem for each reference to what is not there.

    Args:
        table: That refers.
        key: Of the reference.
        pairs: Names of what refers, with the ids that it refers to.
        existing: Ids that are there.
    """
    return [
        f"{table} {name!r}: {key} = {target!r} does not exist"
        for name, target in pairs
        if target not in existing
    ]
