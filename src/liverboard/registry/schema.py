"""The tables of the store, the same on SQLite and PostgreSQL. What is marked append-only is held so by triggers of the database itself."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, Literal

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

Role = Literal["viewer", "editor", "chair", "data_manager", "administrator"]
CaseState = Literal["backlog", "prepared", "scheduled", "discussed", "follow_up"]
MeetingState = Literal["planned", "held"]
StudyState = Literal["waiting", "measuring", "measured", "failed", "cancelled"]

APPEND_ONLY: Final = ("headers", "events", "audit")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcMoment(TypeDecorator[dt.datetime]):
    """A moment in UTC with its zone. SQLite has no zones, so there it is kept without and given back with."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment in the store carries its zone")
        moment = value.astimezone(dt.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


def _one_of(column: str, words: Any) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words.__args__)})", name=column)


centres = Table(
    "centres",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
)

# `version` counts the writes to a case: whoever writes says which version they saw.
cases = Table(
    "cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("centre_id", Integer, ForeignKey("centres.id"), nullable=False),
    Column("pseudonym", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("review_on", Date),
    Column("synthetic", Boolean, nullable=False),
    UniqueConstraint("centre_id", "pseudonym"),
    _one_of("state", CaseState),
)
Index("ix_cases_centre_id_state", cases.c.centre_id, cases.c.state)


# What a case says beside its events (sex, birth year, question). The last row counts; earlier ones stay.
headers = Table(
    "headers",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("entered", UtcMoment, nullable=False),
    Column("author", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("audit_seq", Integer, ForeignKey("audit.seq"), nullable=False, index=True),
)

# `content`: the event as a case file in JSON writes it. `entered`: when it came into this store (its own `recorded` may be older).
events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("event_id", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("date", Date, nullable=False),
    Column("entered", UtcMoment, nullable=False),
    Column("author", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("audit_seq", Integer, ForeignKey("audit.seq"), nullable=False, index=True),
    UniqueConstraint("case_id", "event_id"),
)

# `seq` runs from 1 without a gap. `mac`: keyed over `previous` and the entry. `digest`: of the rows that this entry wrote.
audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcMoment, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(40), nullable=False),
    Column("centre", String(64)),
    Column("case", String(64)),
    Column("detail", Text, nullable=False),
    Column("digest", String(64)),
    Column("previous", String(64), nullable=False),
    Column("mac", String(64), nullable=False),
)
Index("ix_audit_centre_case", audit.c.centre, audit.c.case)

# `centre_id` is empty for an administrator. `password`: argon2id, empty until it is set.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("centre_id", Integer, ForeignKey("centres.id")),
    Column("password", String(200)),
    Column("oidc_subject", String(255), unique=True),
    Column("failed", Integer, nullable=False),
    Column("locked_until", UtcMoment),
    Column("active", Boolean, nullable=False),
    Column("must_change", Boolean, nullable=False),
    Column("created", UtcMoment, nullable=False),
    _one_of("role", Role),
    CheckConstraint("role = 'administrator' OR centre_id IS NOT NULL", name="has_centre"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("created", UtcMoment, nullable=False),
    Column("seen", UtcMoment, nullable=False),
    Column("csrf", String(64), nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("expires", UtcMoment, nullable=False),
    Column("used", UtcMoment),
)

meetings = Table(
    "meetings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("centre_id", Integer, ForeignKey("centres.id"), nullable=False),
    Column("date", Date, nullable=False),
    Column("title", String(200), nullable=False),
    Column("state", String(16), nullable=False),
    _one_of("state", MeetingState),
)
Index("ix_meetings_centre_id_date", meetings.c.centre_id, meetings.c.date)

meeting_cases = Table(
    "meeting_cases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_id", Integer, ForeignKey("meetings.id"), nullable=False),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    UniqueConstraint("meeting_id", "case_id"),
)

# A draft until it is signed; then a trigger freezes the row. `digest` is set by the signature.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_case_id", Integer, ForeignKey("meeting_cases.id"), nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("considered", Text, nullable=False),
    Column("chosen", String(40)),
    Column("reason", Text),
    Column("deviation", Text),
    Column("dissent", Text),
    Column("follow_up_on", Date),
    Column("changed_by", String(64), nullable=False),
    Column("changed", UtcMoment, nullable=False),
    Column("signed_by", String(64)),
    Column("signed", UtcMoment),
    Column("digest", String(64)),
    Column("audit_seq", Integer, ForeignKey("audit.seq")),
)

attendance = Table(
    "attendance",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("meeting_id", Integer, ForeignKey("meetings.id"), nullable=False),
    Column("specialty", String(64), nullable=False),
    Column("person", String(64), nullable=False),
    UniqueConstraint("meeting_id", "specialty", "person"),
)

actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("decision_id", Integer, ForeignKey("decisions.id"), nullable=False, index=True),
    Column("what", Text, nullable=False),
    Column("owner", String(200)),
    Column("due", Date),
    Column("done", UtcMoment),
    Column("done_by", String(64)),
)

# `path`: below the folder `studies`. `link`: what leads back to the source study, sealed under the centre's key. `files`: the digest of each file by its path in JSON;
# empty where the study came before digests were kept. `claimed_by`: the worker that measures it, and until when it may take without a word.
studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", Integer, ForeignKey("cases.id"), nullable=False, index=True),
    Column("path", String(255), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("progress_percent", Integer, nullable=False),
    Column("message", Text),
    Column("link", Text),
    Column("uploaded_by", String(64), nullable=False),
    Column("uploaded", UtcMoment, nullable=False),
    Column("files", Text),
    Column("words", Text),
    Column("claimed_by", String(64)),
    Column("claimed_until", UtcMoment),
    _one_of("state", StudyState),
)
