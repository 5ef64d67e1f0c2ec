"""What things are called on the pages: audiences, languages, notifications."""

from linnet.domain.visibility import Visibility

AUDIENCE = {
    Visibility.PUBLIC: ("Everyone", "Everyone, and in the public stream"),
    Visibility.UNLISTED: ("Unlisted", "Everyone, but not in the public stream"),
    Visibility.PRIVATE: ("Followers", "Your followers and whom you name"),
    Visibility.DIRECT: ("Only those named", "Only the people whom you name"),
}
"""A short name and an explanation each."""

FILTERED = (
    ("home", "Home and lists"), ("notifications", "Notifications"), ("public", "Public stream and tags"),
    ("thread", "Conversations"), ("account", "Profiles"),
)  # fmt: skip
"""What filters' contexts are called."""

POLL_TIMES = (
    ("86400", "a day"), ("300", "5 minutes"), ("1800", "30 minutes"), ("3600", "an hour"), ("21600", "6 hours"),
    ("43200", "12 hours"), ("259200", "3 days"), ("604800", "a week"),
)  # fmt: skip
"""How long polls run, in seconds; the first is what most want."""

AUDIENCE_ICONS = {
    Visibility.PUBLIC: ("globe", "Everyone"),
    Visibility.UNLISTED: ("open", "Unlisted"),
    Visibility.PRIVATE: ("lock", "Followers only"),
    Visibility.DIRECT: ("mail", "Only those named"),
}

REPORTS = {"spam": "Spam", "legal": "Against the law", "violation": "Against the rules", "other": "Something else"}
"""What a report says in a word."""

LANGUAGES = (
    ("ar", "العربية"), ("bn", "বাংলা"), ("ca", "Català"), ("cs", "Čeština"), ("cy", "Cymraeg"), ("da", "Dansk"),
    ("de", "Deutsch"), ("el", "Ελληνικά"), ("en", "English"), ("eo", "Esperanto"), ("es", "Español"),
    ("et", "Eesti"), ("eu", "Euskara"), ("fa", "فارسی"), ("fi", "Suomi"), ("fr", "Français"), ("ga", "Gaeilge"),
    ("gl", "Galego"), ("he", "עברית"), ("hi", "हिन्दी"), ("hr", "Hrvatski"), ("hu", "Magyar"), ("id", "Indonesia"),
    ("is", "Íslenska"), ("it", "Italiano"), ("ja", "日本語"), ("ko", "한국어"), ("lt", "Lietuvių"),
    ("lv", "Latviešu"), ("ms", "Melayu"), ("nl", "Nederlands"), ("no", "Norsk"), ("pl", "Polski"),
    ("pt", "Português"), ("ro", "Română"), ("ru", "Русский"), ("sk", "Slovenčina"), ("sl", "Slovenščina"),
    ("sr", "Српски"), ("sv", "Svenska"), ("sw", "Kiswahili"), ("ta", "தமிழ்"), ("th", "ไทย"), ("tr", "Türkçe"),
    ("uk", "Українська"), ("ur", "اردو"), ("vi", "Tiếng Việt"), ("zh", "中文"),
)  # fmt: skip

TOLD = {
    "mention": ("reply", "mentioned you"),
    "status": ("bell", "posted"),
    "reblog": ("reblog", "boosted your post"),
    "follow": ("person", "followed you"),
    "follow_request": ("person", "asks to follow you"),
    "favourite": ("star", "favourited your post"),
    "update": ("pen", "edited a post that you boosted"),
    "poll": ("chart", "asked something that has ended"),
    "admin.sign_up": ("person", "signed up"),
    "quote": ("link", "quoted your post"),
    "quoted_update": ("pen", "edited a post that you quoted"),
    "admin.report": ("shield", "sent a report to the moderators"),
}
"""An icon and the rest of the sentence for each kind of notification."""

SENDERS = (
    ("for_not_following", "People you do not follow"),
    ("for_not_followers", "People who do not follow you, or have only just begun"),
    ("for_new_accounts", "New accounts, of the last 30 days"),
    ("for_private_mentions", "People who write to you alone, unasked"),
    ("for_limited_accounts", "Accounts that the moderators have limited"),
)
"""Whose notifications may be kept away."""
LEVELS = (("accept", "Show them"), ("filter", "Let them wait"), ("drop", "Ignore them"))

SCOPES = {
    "profile": "see your name and picture",
    "read": "read all of your account's data",
    "write": "post, favourite and change your account for you",
    "follow": "follow, mute and block for you",
    "push": "send you notifications",
    "admin:read": "read everybody's data on this server",
    "admin:write": "moderate this server for you",
}

_READ = "read your {noun}"
_WRITE = "change your {noun}"
_NOUNS = {"accounts": "profile", "statuses": "posts", "media": "pictures"}


def scope(name: str) -> str:
    """What a scope lets an app do, to follow "This app will be able to"."""
    if name in SCOPES:
        return SCOPES[name]
    wide, _, noun = name.rpartition(":")
    said = _NOUNS.get(noun, noun.replace("_", " "))
    if wide.startswith("admin"):
        return f"{'read' if wide.endswith('read') else 'change'} the server's {said}"
    return (_READ if wide == "read" else _WRITE).format(noun=said)


_BROWSERS = (
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


def browser(user_agent: str) -> str:
    """``Firefox on Linux``, as far as a browser's own words tell."""
    name = next((said for mark, said in _BROWSERS if mark in user_agent), "")
    system = next((said for mark, said in _SYSTEMS if mark in user_agent), "")
    if name and system:
        return f"{name} on {system}"
    return name or system or user_agent[:60] or "A browser"
