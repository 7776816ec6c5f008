"""`/api/warehouse/queries`: a fixed set of questions to the published warehouse, for analysts.

What may be asked, and with which parameters, is in `warehouse.saved_queries`; nobody's own SQL
comes in here.
"""

from functools import partial
from typing import Annotated, Any, Final, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from cluster.errors import ServiceBusy
from cluster.security.roles import Role
from cluster.warehouse.saved_queries import (
    SAVED_QUERIES,
    BoundQuery,
    InvalidParameters,
    SavedQuery,
    bind_parameters,
    find_saved_query,
    run_saved_query,
)
from serve_apps.http.auth.install import require_roles
from serve_apps.http.backend import backend_of
from serve_apps.http.errors import ERRORS
from serve_apps.http.schemas.base import Body, Page, example_response
from serve_apps.http.schemas.paging import Pages, cursor_of

AT_ONCE: Final = 2
"""Questions at once: each is a DuckDB of its own, and other routes need threads too."""

MOST_WAITING: Final = 16

router = APIRouter(
    prefix="/api/warehouse/queries",
    tags=["warehouse"],
    dependencies=[require_roles(Role.ANALYST)],
    responses=ERRORS,
)

PAGING: Final = frozenset({"limit", "cursor"})


class ParameterBody(Body):
    """What a question may be given."""

    name: str = Field(description="As a query parameter.")
    kind: Literal["id", "date", "moment"] = Field(
        description="`id`: a short name; `date`: 2026-03-02; `moment`: 2026-03-02T09:00:00Z."
    )
    description: str = Field(description="What it does.")
    required: bool = Field(description="Without it the question is refused.")


class QuestionBody(Body):
    """A question that may be asked."""

    name: str = Field(description="In the path.")
    description: str = Field(description="What a row of the answer is.")
    parameters: list[ParameterBody] = Field(description="What it may be given.")


class QuestionsBody(Body):
    """All questions."""

    queries: list[QuestionBody] = Field(description="By name.")


class RowsBody(Page):
    """A page of an answer."""

    query: str = Field(description="What was asked.")
    published: str = Field(description="Which publication of the warehouse answered.")
    columns: list[str] = Field(description="Their names.")
    rows: list[list[Any]] = Field(description="Their values, in the order of the columns.")


@router.get(
    "",
    summary="Questions to the warehouse",
    operation_id="list_queries",
    responses=example_response(
        QuestionsBody,
        {
            "queries": [
                {
                    "name": "rooms",
                    "description": "The rooms of the schools.",
                    "parameters": [
                        {
                            "name": "school_id",
                            "kind": "id",
                            "description": "One school; all unless given.",
                            "required": False,
                        }
                    ],
                }
            ]
        },
        "What may be asked.",
    ),
)
async def list_queries() -> QuestionsBody:
    """What may be asked of the warehouse, and with which parameters."""
    return QuestionsBody(queries=[_question(one) for one in SAVED_QUERIES.values()])


@router.get(
    "/{name}",
    summary="Ask the warehouse",
    operation_id="ask_warehouse",
    responses=example_response(
        RowsBody,
        {
            "query": "rooms",
            "published": "20260302T180000Z-4f1d",
            "columns": ["room_id", "school_id", "name", "kind"],
            "rows": [["room-12", "hill", "Room 12", "classroom"]],
            "next": None,
        },
        "A page of the answer.",
    ),
)
async def ask_warehouse(
    request: Request,
    paging: Pages,
    name: Annotated[
        str, Path(pattern=r"^[a-z_]{1,64}$", description="Which question.", examples=["rooms"])
    ],
) -> RowsBody:
    """Ask one of the questions; its parameters stand beside `limit` and `cursor`."""
    bound = _bind_parameters(find_saved_query(name), request)
    offset = paging.number() or 0
    limiter: CapacityLimiter = request.app.state.asking_warehouse
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        raise ServiceBusy("too many questions wait.", hint="Ask again in a moment.")
    asking = partial(
        run_saved_query,
        backend_of(request).settings,
        bound,
        limit=paging.limit,
        offset=offset,
    )
    found = await to_thread.run_sync(asking, limiter=limiter)
    return RowsBody(
        query=name,
        published=found.published,
        columns=list(found.columns),
        rows=[list(row) for row in found.rows],
        next=cursor_of(offset + len(found.rows)) if found.has_more else None,
    )


def _bind_parameters(query: SavedQuery, request: Request) -> BoundQuery:
    """Bind the query parameters of a request; report every invalid one.

    Raises:
        RequestValidationError: One is missing, unknown, repeated or invalid.
    """
    given = [pair for pair in request.query_params.multi_items() if pair[0] not in PAGING]
    try:
        return bind_parameters(query, given)
    except InvalidParameters as error:
        raise RequestValidationError(
            [
                {
                    "type": "parameter",
                    "loc": ("query", problem.name),
                    "msg": problem.reason,
                    "input": problem.value,
                }
                for problem in error.problems
            ]
        ) from None


def _question(question: SavedQuery) -> QuestionBody:
    return QuestionBody(
        name=question.name,
        description=question.description,
        parameters=[
            ParameterBody(
                name=one.name,
                kind=one.kind,
                description=one.description,
                required=one.required,
            )
            for one in question.parameters
        ],
    )
