"""Which passwords are good enough: long rather than strange (NIST SP 800-63B), and none of those tried first."""

import unicodedata

from linnet.domain.errors import Invalid

SHORTEST = 8
LONGEST = 256

# Of eight characters and more: what every list of leaked passwords begins with.
COMMON = frozenset((
    "00000000", "11111111", "11223344", "12121212", "12341234", "12344321", "123123123", "12345678", "123456789",
    "1234567890", "12345678910", "1234qwer", "123qweasd", "123qwe123", "147258369", "1q2w3e4r", "1q2w3e4r5t",
    "1qaz2wsx", "1qazxsw2", "22222222", "55555555", "66666666", "77777777", "87654321", "88888888", "987654321",
    "99999999", "a1234567", "a12345678", "a123456789", "aa123456", "aaaaaaaa", "abc12345", "abcd1234", "abcdefgh",
    "adminadmin", "administrator", "asdfasdf", "asdfghjk", "asdfghjkl", "baseball", "basketball", "butterfly",
    "changeme", "charlie1", "chocolate", "computer", "corvette", "danielle", "dragon123", "elizabeth", "elephant",
    "facebook", "football", "football1", "hello123", "helloworld", "iloveyou", "iloveyou1", "internet", "jennifer",
    "jessica1", "jonathan", "justin12", "letmein1", "letmein123", "liverpool", "manchester", "marlboro", "mastodon",
    "maverick", "mercedes", "michael1", "michelle", "midnight", "monkey123", "mustang1", "nintendo", "p@ssw0rd",
    "pa55word", "passw0rd", "password", "password1", "password12", "password123", "password1234", "princess",
    "princess1", "q1w2e3r4", "qazwsxedc", "qwer1234", "qwerasdf", "qwerty12", "qwerty123", "qwerty1234", "qwertyui",
    "qwertyuiop", "samantha", "scorpion", "secret123", "snickers", "starwars", "steelers", "sunshine", "sunshine1",
    "superman", "swordfish", "test1234", "testtest", "trustno1", "victoria", "welcome1", "welcome123", "whatever",
    "william1", "zaq12wsx", "zxcvbnm1", "zxcvbnm123", "linnet123", "twitter1",
))  # fmt: skip


def prepared(password: str) -> bytes:
    """What is hashed: one form of letters that keyboards write in several (NFKC)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def check(password: str, *others: str) -> None:
    """Raises Invalid. ``others`` are what a password must not be: the username, the e-mail address."""
    if not password:
        raise Invalid("password", "can't be blank", "ERR_BLANK")
    if len(password) < SHORTEST:
        raise Invalid("password", f"is too short (minimum is {SHORTEST} characters)", "ERR_TOO_SHORT")
    if len(password) > LONGEST:
        raise Invalid("password", f"is too long (maximum is {LONGEST} characters)", "ERR_TOO_LONG")
    folded = password.lower()
    if folded in COMMON or len(set(folded)) < 3:
        raise Invalid("password", "is one of those that are guessed first", "ERR_INVALID")
    if folded in {other.lower() for other in others}:
        raise Invalid("password", "must not be your name or e-mail address", "ERR_INVALID")
