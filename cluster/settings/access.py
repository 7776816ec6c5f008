"""Settings of sign-in: the identity provider, what its claims mean here, sessions, limits."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from cluster.settings.tables import Identifier, SettingsTable

RoleName = Literal["teacher", "school_leader", "analyst", "data_protection", "operator"]
"""The values of `cluster.security.roles.Role`."""

Scope = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21\x23-\x5B\x5D-\x7E]+$")]
"""A scope of OAuth 2.0 (RFC 6749, 3.3)."""


class AccessMapping(SettingsTable):
    """A role for everybody of whom the identity provider says something: a group, say."""

    claim: str = Field(min_length=1, max_length=200, description="Name of the claim, like groups.")
    value: str = Field(
        min_length=1,
        max_length=500,
        description="A value of it, or one of its list; compared as it stands.",
    )
    role: RoleName = Field(description="The role of whoever has it.")
    schools: tuple[Identifier, ...] = Field(
        (),
        max_length=1000,
        description="Ids of the schools that a school leader leads by it; none: those of "
        "oidc_schools_claim.",
    )

    @model_validator(mode="after")
    def _check_schools(self) -> "AccessMapping":
        if self.schools and self.role != "school_leader":
            raise ValueError("schools are for the role school_leader alone")
        return self


class AccessSettings(SettingsTable):
    """Sign-in, sessions and rate limits."""

    oidc_issuer: str | None = Field(
        None, description="Issuer URL of the identity provider; unset: access tokens only."
    )
    oidc_client_id: str | None = Field(None, description="Client id at the identity provider.")
    oidc_client_secret: SecretStr | None = Field(
        None, description="Client secret; set it in the environment."
    )
    oidc_scopes: tuple[Scope, ...] = Field(
        ("openid",),
        max_length=50,
        description="Scopes to ask for, where the provider gives groups only with one of its own; "
        "openid is always asked for.",
    )
    oidc_role_claim: str = Field(
        "homeroom_role", description="The claim that holds a role, or a list of them."
    )
    oidc_schools_claim: str = Field(
        "homeroom_schools",
        description="The claim that holds the ids of a leader's schools: a list, or one text.",
    )
    oidc_user_claim: str = Field(
        "sourced_id", description="The claim that holds a teacher's sourcedId in the roster."
    )
    map: tuple[AccessMapping, ...] = Field(
        (),
        max_length=1000,
        description="Roles by other claims: [[access.map]] with claim, value, role, schools.",
    )
    session_minutes: int = Field(480, ge=5, le=1440, description="Lifetime of a browser session.")
    token_days: int = Field(90, ge=1, le=366, description="Longest lifetime of a token.")
    requests_per_minute: int = Field(
        600, ge=10, le=100_000, description="Requests that one caller may make in a minute."
    )
    sign_ins_per_minute: int = Field(
        20, ge=1, le=1000, description="Sign-in attempts from one address in a minute."
    )
    largest_request: int = Field(
        10_000_000, ge=1000, le=100_000_000, description="Largest request body, in bytes."
    )
