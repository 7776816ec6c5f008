"""`/api/warehouse/queries`: saved queries of the published warehouse, for analysts.

The queries and their parameters are defined in `cluster.warehouse.saved_queries`; no SQL is
accepted.
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
from serve_apps.http.schemas.paging import PagingQuery, encode_cursor

MAX_CONCURRENT_QUERIES: Final = 2
"""Each query opens a DuckDB of its own, and other routes need threads too."""

MAX_WAITING_QUERIES: Final = 16

router = APIRouter(
    prefix="/api/warehouse/queries",
    tags=["warehouse"],
    dependencies=[require_roles(Role.ANALYST)],
    responses=ERRORS,
)

PAGING_PARAMETERS: Final = frozenset({"limit", "cursor"})


class ParameterBody(Body):
    """A parameter of a query."""

    name: str = Field(description="Name of the query parameter.")
    kind: Literal["id", "date", "moment"] = Field(
        description="`id`: a short name; `date`: 2026-03-02; `moment`: 2026-03-02T09:00:00Z."
    )
    description: str = Field(description="What the parameter does.")
    required: bool = Field(description="Whether the query is rejected without it.")


class QueryBody(Body):
    """A saved query."""

    name: str = Field(description="Name of the query, for the path.")
    description: str = Field(description="What a row of the result is.")
    parameters: list[ParameterBody] = Field(description="Its parameters.")


class QueriesBody(Body):
    """All saved queries."""

    queries: list[QueryBody] = Field(description="The queries, by name.")


class QueryResultBody(Page):
    """A page of a query's result."""

    query: str = Field(description="Name of the query.")
    published: str = Field(description="Version of the warehouse that was queried.")
    columns: list[str] = Field(description="Names of the columns.")
    rows: list[list[Any]] = Field(description="Values, in the order of the columns.")


@router.get(
    "",
    summary="Saved queries of the warehouse",
    operation_id="list_queries",
    responses=example_response(
        QueriesBody,
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
        "The saved queries.",
    ),
)
async def list_queries() -> QueriesBody:
    """List the saved queries, with their parameters."""
    return QueriesBody(queries=[_query_body(one) for one in SAVED_QUERIES.values()])


@router.get(
    "/{name}",
    summary="Run a saved query",
    operation_id="ask_warehouse",
    responses=example_response(
        QueryResultBody,
        {
            "query": "rooms",
            "published": "20260302T180000Z-4f1d",
            "columns": ["room_id", "school_id", "name", "kind"],
            "rows": [["room-12", "hill", "Room 12", "classroom"]],
            "next": None,
        },
        "A page of the result.",
    ),
)
async def ask_warehouse(
    request: Request,
    paging: PagingQuery,
    name: Annotated[
        str, Path(pattern=r"^[a-z_]{1,64}$", description="Name of the query.", examples=["rooms"])
    ],
) -> QueryResultBody:
    """Run a saved query; its parameters are query parameters, as are `limit` and `cursor`."""
    bound = _bind_parameters(find_saved_query(name), request)
    offset = paging.after_number() or 0
    limiter: CapacityLimiter = request.app.state.warehouse_limiter
    if limiter.statistics().tasks_waiting >= MAX_WAITING_QUERIES:
        raise ServiceBusy("too many queries are waiting.", hint="Try again in a moment.")
    run_query = partial(
        run_saved_query,
        backend_of(request).settings,
        bound,
        limit=paging.limit,
        offset=offset,
    )
    result = await to_thread.run_sync(run_query, limiter=limiter)
    return QueryResultBody(
        query=name,
        published=result.published,
        columns=list(result.columns),
        rows=[list(row) for row in result.rows],
        next=encode_cursor(offset + len(result.rows)) if result.has_more else None,
    )


def _bind_parameters(query: SavedQuery, request: Request) -> BoundQuery:
    """Bind the query parameters of a request; report every invalid one.

    Raises:
        RequestValidationError: One is missing, unknown, repeated or invalid.
    """
    given = [
        pair for pair in request.query_params.multi_items() if pair[0] not in PAGING_PARAMETERS
    ]
    try:
        return bind_parameters(query, given)
    except InvalidParameters as error:
        raise RequestValidationError(
            [
                {
                    "type": "parameter",
                    "loc": ("query", problem.name),
                    "msg": f"must be {problem.expected}" if problem.expected else problem.reason,
                    "input": problem.value,
                }
                for problem in error.problems
            ]
        ) from None


def _query_body(query: SavedQuery) -> QueryBody:
    return QueryBody(
        name=query.name,
        description=query.description,
        parameters=[
            ParameterBody(
                name=one.name,
                kind=one.kind,
                description=one.description,
                required=one.required,
            )
            for one in query.parameters
        ],
    )
