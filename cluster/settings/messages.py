"""What is wrong with settings, as text for people."""

from pydantic import ValidationError


def describe_problems(error: ValidationError) -> str:
    """Return a line for each problem, which names its key."""
    lines = []
    for problem in error.errors(include_url=False):
        place = _dotted_path(problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "there is no such key"
        elif problem["type"] == "missing":
            message = "is missing"
        elif isinstance(problem.get("input"), str | int | float | bool):
            message += f" (it is {problem['input']!r})"
        lines.append(f"{place}: {message}" if place else message)
    return "\n  ".join(["", *lines]) if len(lines) > 1 else lines[0] + "."


def _dotted_path(loc: tuple[int | str, ...]) -> str:
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
