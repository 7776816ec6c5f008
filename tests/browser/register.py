"""Page object of the register on a lesson page."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

from tests.browser.classroom import NAMES
from tests.register.school import student

__all__ = ["RegisterCard", "expect"]


@dataclass
class RegisterCard:
    """The card "Register" of a lesson page."""

    page: Page

    @property
    def card(self) -> Locator:
        return self.page.locator("#register")

    def button(self, text: str) -> Locator:
        """Return the button with exactly this text."""
        return self.card.get_by_role("button", name=text, exact=True)

    def open(self) -> None:
        """Open the register, and wait for the list."""
        self.button("Open the register").click()
        expect(self.button("All others are present")).to_be_visible()

    def status_button_id(self, number: int, status: str) -> str:
        return f"mark-{student(number)}-{status}"

    def status_button(self, number: int, status: str) -> Locator:
        """Return the button that gives a student a status."""
        return self.page.locator(f"#{self.status_button_id(number, status)}")

    def entry(self, number: int) -> Locator:
        """Return the list entry of a student."""
        return self.card.locator("li", has_text=NAMES[number - 1])

    def expect_status(self, number: int, status: str) -> None:
        """Wait until a student has the status; fail on timeout."""
        expect(self.status_button(number, status)).to_have_attribute("aria-pressed", "true")

    def expect_not_status(self, number: int, status: str) -> None:
        """Wait until a student does not have the status; fail on timeout."""
        expect(self.status_button(number, status)).to_have_attribute("aria-pressed", "false")

    def expect_present(self, count: int, total: int = len(NAMES)) -> None:
        """Wait until so many count as present; fail on timeout."""
        expect(self.card).to_contain_text(f"{count} of {total} present")
