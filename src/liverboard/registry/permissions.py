"""Who may do what: one table of roles and rights, and the separation of centres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from liverboard.errors import NotPermitted
from liverboard.registry.schema import Role

Right = Literal[
    "see_cases",
    "edit_cases",
    "prepare_meetings",
    "take_minutes",
    "sign_off",
    "exchange_data",
    "see_audit",
    "manage_accounts",
    "keep_store",
]

_VIEWER: Final[frozenset[Right]] = frozenset({"see_cases"})
_EDITOR: Final[frozenset[Right]] = frozenset({*_VIEWER, "edit_cases", "prepare_meetings", "take_minutes"})
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    "viewer": _VIEWER,
    "editor": _EDITOR,
    "chair": frozenset({*_EDITOR, "sign_off"}),
    "data_manager": frozenset({*_EDITOR, "exchange_data", "see_audit"}),
    "administrator": frozenset({"manage_accounts", "see_audit", "keep_store"}),  # sees no case
}

_WORDS: Final[dict[Right, str]] = {
    "see_cases": "see cases",
    "edit_cases": "change cases",
    "prepare_meetings": "prepare meetings",
    "take_minutes": "take minutes",
    "sign_off": "sign decisions",
    "exchange_data": "import or export cases",
    "see_audit": "read the audit trail",
    "manage_accounts": "manage accounts",
    "keep_store": "back up or move the store",
}


EVERYWHERE: Final = "*"  # no centre is named so


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `centre`: whose cases are theirs; None: every centre's. `role` None: the person at the machine itself, who holds the files anyway."""

    name: str
    role: Role | None
    centre: str | None

    def may(self, right: Right, centre: str | None = None) -> bool:
        """Whether they hold `right`, and, when `centre` is given, there (EVERYWHERE: beyond any one centre)."""
        if self.role is not None and right not in RIGHTS[self.role]:
            return False
        return centre is None or self.centre is None or centre == self.centre

    def require(self, right: Right, centre: str | None = None) -> None:
        """Raises NotPermitted; it says the same of another centre's case whether that exists or not."""
        if self.role is not None and right not in RIGHTS[self.role]:
            raise NotPermitted(
                f"the role {self.role.replace('_', ' ')} may not {_WORDS[right]}",
                hint="Ask an administrator for another role.",
            )
        if not self.may(right, centre):
            raise NotPermitted(
                "this belongs to another centre", hint="Cases, meetings and accounts are seen by their own centre only."
            )


CONSOLE: Final = Actor("console", None, None)
