"""The register on a lesson page, as a teacher's fingers and eyes have it."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.classroom import NAMES
from tests.register.school import student

__all__ = ["RegisterCard", "expect"]


@dataclass
class RegisterCard:
    """The card "Register" of a page."""

    page: Page

    @property
    def card(self) -> Locator:
        return self.page.locator("#register")

    def button(self, text: str) -> Locator:
        """A button by its whole text."""
        return self.card.get_by_role("button", name=text, exact=True)

    def open(self) -> None:
        """Open the register, and wait for the list."""
        self.button("Open the register").click()
        expect(self.button("All others are present")).to_be_visible()

    def tap_id(self, number: int, status: str) -> str:
        return f"mark-{student(number)}-{status}"

    def tap(self, number: int, status: str) -> Locator:
        """The button that says something of a student."""
        return self.page.locator(f"#{self.tap_id(number, status)}")

    def line(self, number: int) -> Locator:
        """The line of a student."""
        return self.card.locator("li", has_text=NAMES[number - 1])

    def expect_said(self, number: int, status: str) -> None:
        """Wait until a student is marked so, and fail if that does not come."""
        expect(self.tap(number, status)).to_have_attribute("aria-pressed", "true")

    def expect_unsaid(self, number: int, status: str) -> None:
        """Wait until a student is not marked so."""
        expect(self.tap(number, status)).to_have_attribute("aria-pressed", "false")

    def expect_there(self, there: int, everybody: int = len(NAMES)) -> None:
        """Wait until so many are said to be there."""
        expect(self.card).to_contain_text(f"{there} of {everybody} present")
