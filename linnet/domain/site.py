"""What one instance is: its address, and the limits that its operator chose."""

from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of everything. Sizes in bytes, lengths in characters, times in ms."""

    status_chars: int = 500
    media_per_status: int = 4
    description_chars: int = 1_500
    display_name_chars: int = 30
    note_chars: int = 500
    fields: int = 4
    field_chars: int = 255
    pins: int = 5
    follows: int = 7_500
    image_bytes: int = 16 * 1024 * 1024
    image_pixels: int = 33_177_600
    film_bytes: int = 99 * 1024 * 1024
    film_pixels: int = 8_294_400
    film_frame_rate: int = 120
    film_ms: int = 15 * 60_000
    merge_followers: int = 10_000
    home_entries: int = 800
    drafts: int = 100
    reactions: int = 8
    reaction_kinds: int = 50
    scheduled: int = 300
    scheduled_per_day: int = 25
    poll_options: int = 4
    poll_option_chars: int = 50
    poll_seconds_min: int = 300
    poll_seconds_max: int = 2_629_746


@dataclass(frozen=True, slots=True)
class Site:
    """``origin`` has a scheme and a host and no slash at its end, such as ``https://linnet.example``."""

    origin: str
    title: str = "Linnet"
    description: str = "A small, friendly place to say what is happening."
    contact_email: str = "admin@localhost"
    registrations: str = "open"
    languages: tuple[str, ...] = ("en",)
    translates: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def domain(self) -> str:
        """The host (and port, where it is not the scheme's own): what follows the second @ of an account's address."""
        return self.origin.partition("://")[2]

    def account_url(self, username: str) -> str:
        return f"{self.origin}/@{username}"

    def account_uri(self, username: str) -> str:
        return f"{self.origin}/users/{username}"

    def status_url(self, username: str, status_id: int) -> str:
        return f"{self.origin}/@{username}/{status_id}"

    def status_uri(self, username: str, status_id: int) -> str:
        return f"{self.origin}/users/{username}/statuses/{status_id}"

    def tag_url(self, name: str) -> str:
        return f"{self.origin}/tags/{quote(name)}"

    def file_url(self, key: str) -> str:
        """Where a blob is served."""
        return f"{self.origin}/files/{key}"
