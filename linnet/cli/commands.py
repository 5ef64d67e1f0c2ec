"""All commands as a table: what each is called, what it is for, what it takes and which function it is."""

import argparse
from typing import Any, NamedTuple

Argument = tuple[tuple[str, ...], dict[str, Any]]


class Command(NamedTuple):
    """``run`` is ``module:function``, loaded only when the command is given: a start must be quick."""

    words: tuple[str, ...]
    says: str
    run: str
    arguments: tuple[Argument, ...] = ()
    examples: tuple[str, ...] = ()
    serves: bool = False


def taking(*names: str, says: str, **settings: Any) -> Argument:
    """One argument of a command, in argparse's words."""
    return names, {"help": says, **settings}


_NAME = taking("name", metavar="NAME", says="the account's name, with or without @")
_JSON = taking("--json", action="store_true", says="print JSON instead of a table")

_PASSWORD = (
    taking("--password", metavar="P", says="visible to others on this machine while the command runs"),
    taking("--password-stdin", action="store_true", says="read it from the first line of standard input"),
)

_REASON = taking("--reason", metavar="TEXT", says="kept in the moderation log")
_TEXT = taking(
    "name", choices=("extended_description", "privacy_policy", "terms_of_service"), says="which of the three"
)
_LIMIT = taking("--limit", type=int, default=50, metavar="N", says="how many (default: %(default)s)")


def _deciding(word: str, says: str, *more: Argument) -> Command:
    """A decision on one account."""
    return Command(("account", word), says, f"linnet.cli.accounts:{word}", (_NAME, _REASON, *more))


_ACCOUNTS = (
    Command(
        ("account", "create"),
        "make an account, whatever the registration mode",
        "linnet.cli.accounts:create",
        (
            _NAME,
            taking("--email", required=True, metavar="E", says="where its owner is reached"),
            *_PASSWORD,
            taking("--role", choices=("user", "moderator", "admin"), default="user", says="(default: %(default)s)"),
        ),
        (
            "linnet account create alice --email alice@example.org    prints a password",
            "pass show alice | linnet account create alice --email alice@example.org --password-stdin",
            "linnet account create root --email root@example.org --role admin",
        ),
    ),
    Command(
        ("account", "list"),
        "show all accounts",
        "linnet.cli.accounts:listing",
        (
            _JSON,
            taking(
                "--state", choices=("active", "waiting", "unconfirmed", "silenced", "suspended"), says="only these"
            ),
        ),
        ("linnet account list", "linnet account list --state waiting", "linnet account list --json | jq '.[].email'"),
    ),
    Command(
        ("account", "reset-password"),
        "give an account another password, and sign it out everywhere",
        "linnet.cli.accounts:reset_password",
        (_NAME, *_PASSWORD),
        ("linnet account reset-password alice    prints a password",),
    ),
    Command(
        ("account", "reset-two-factor"),
        "turn the second step of signing in off, for who has lost the app and the codes",
        "linnet.cli.accounts:reset_two_factor",
        (_NAME,),
        ("linnet account reset-two-factor alice    when you know that it is alice who asks",),
    ),
    _deciding("suspend", "hide an account and let it do nothing, without losing anything of it"),
    _deciding("unsuspend", "let a suspended account back"),
    _deciding("approve", "let somebody in who waits for approval"),
    _deciding("reject", "turn somebody away who waits for approval"),
    Command(
        ("account", "export"),
        "write everything of an account into one zip file",
        "linnet.cli.moving:export",
        (
            _NAME,
            taking("file", metavar="FILE", says="the archive; Mastodon and Linnet can read it"),
            taking("--force", action="store_true", says="write over a file that is there"),
        ),
        ("linnet account export alice alice.zip",),
    ),
    Command(
        ("account", "import"),
        "take an archive or a CSV list into an account, and print what was refused",
        "linnet.cli.moving:take_in",
        (
            _NAME,
            taking("file", metavar="FILE", says="an archive of Linnet, Mastodon or Twitter, or a CSV list"),
            taking(
                "--type", default="archive", says="what the file is (default: %(default)s)",
                choices=("archive", "following", "mutes", "blocks", "bookmarks", "lists", "domain_blocks"),
            ),
            taking("--overwrite", action="store_true", says="a list replaces what is there, else it is added"),
            taking(
                "--visibility", choices=("public", "unlisted", "private"), default="public",
                says="for posts that more people could see (default: as they were)",
            ),
            taking("--no-profile", action="store_true", says="leave name, picture and text of the profile as they are"),
        ),
        (
            "linnet account import alice mastodon-archive.zip",
            "linnet account import alice following_accounts.csv --type following",
        ),
    ),
    _deciding(
        "delete", "delete an account with all that it posted",
        taking("--yes", action="store_true", says="do not ask for the name again"),
    ),
)  # fmt: skip

_PEOPLE = (
    Command(
        ("invite", "create"),
        "make an address to sign up at and print it",
        "linnet.cli.invites:create",
        (
            taking("--uses", type=int, metavar="N", says="how many people may use it (default: any number)"),
            taking("--expires", metavar="TIME", says="for how long, like 7d (default: until it is revoked)"),
        ),
        ("linnet invite create --uses 1 --expires 7d",),
    ),
    Command(("invite", "list"), "show all invites", "linnet.cli.invites:listing", (_JSON,)),
    Command(
        ("invite", "revoke"),
        "end an invite",
        "linnet.cli.invites:revoke",
        (taking("code", metavar="CODE", says="the end of the address"),),
    ),
    Command(
        ("token", "create"),
        "make an access token for the client API and print only that",
        "linnet.cli.tokens:create",
        (
            _NAME,
            taking("--scopes", default="read write follow push", says="separated by spaces (default: %(default)s)"),
        ),
        ("linnet token create alice", 'linnet token create bot --scopes "read:statuses write:statuses"'),
    ),
    Command(
        ("status", "delete"),
        "delete somebody's post",
        "linnet.cli.statuses:delete",
        (taking("id", metavar="ID", says="its id, or the address of its page"), _REASON),
        ("linnet status delete 2764711133758619649 --reason spam",),
    ),
    Command(
        ("emoji", "add"),
        "put a custom emoji, or another picture under its shortcode",
        "linnet.cli.emojis:add",
        (
            taking("shortcode", metavar="SHORTCODE", says="what people write between two colons"),
            taking("file", metavar="FILE", says="PNG, GIF or WebP, at most 256 KiB"),
            taking("--category", metavar="TEXT", says="its heading in the picker"),
        ),
        ("linnet emoji add linnet bird.png --category birds",),
    ),
    Command(("emoji", "list"), "show the custom emojis", "linnet.cli.emojis:listing", (_JSON,)),
    Command(
        ("emoji", "remove"),
        "take a custom emoji away",
        "linnet.cli.emojis:remove",
        (taking("shortcode", metavar="SHORTCODE", says="with or without colons"),),
    ),
    Command(
        ("announcement", "create"),
        "tell everybody who is signed in",
        "linnet.cli.announcements:create",
        (
            taking("text", metavar="TEXT", says="what is announced; mentions, tags and links work as in posts"),
            taking("--starts", metavar="TIME", says="when what is announced begins"),
            taking("--ends", metavar="TIME", says="when it is over: then it is shown no more"),
            taking("--all-day", action="store_true", says="of the times, only the days count"),
            taking("--publish-at", metavar="TIME", says="show it from then on (default: now)"),
            taking("--unpublished", action="store_true", says="keep it back, for `linnet announcement publish`"),
        ),
        (
            'linnet announcement create "Tea for everybody on Friday! #tea"',
            'linnet announcement create "A new disk" --starts 2026-12-24T18:00Z --ends 2026-12-24T19:00Z',
        ),
    ),
    Command(("announcement", "list"), "show all announcements", "linnet.cli.announcements:listing", (_JSON,)),
    Command(
        ("announcement", "publish"),
        "show an announcement that was kept back",
        "linnet.cli.announcements:publish",
        (taking("id", metavar="ID", type=int, says="see `linnet announcement list`"),),
    ),
    Command(
        ("announcement", "delete"),
        "take an announcement away",
        "linnet.cli.announcements:delete",
        (taking("id", metavar="ID", type=int, says="see `linnet announcement list`"),),
    ),
    Command(
        ("rule", "add"),
        "put a rule of the house behind the others",
        "linnet.cli.rules:add",
        (
            taking("text", metavar="TEXT", says="the rule"),
            taking("--hint", metavar="TEXT", says="what is meant by it"),
        ),
        ('linnet rule add "Be kind." --hint "Disagree with what was said, not with who said it."',),
    ),
    Command(("rule", "list"), "show the rules", "linnet.cli.rules:listing", (_JSON,)),
    Command(
        ("rule", "remove"),
        "take a rule away",
        "linnet.cli.rules:remove",
        (taking("id", metavar="ID", type=int, says="see `linnet rule list`"),),
    ),
    Command(
        ("text", "put"),
        "say more about this server: a description, a privacy policy, terms of service",
        "linnet.cli.texts:put",
        (_TEXT, taking("file", metavar="FILE", says="Markdown; - is standard input")),
        ("linnet text put privacy_policy privacy.md",),
    ),
    Command(("text", "list"), "show which of these there are", "linnet.cli.texts:listing", (_JSON,)),
    Command(("text", "remove"), "take one of them away", "linnet.cli.texts:remove", (_TEXT,)),
)

_MACHINERY = (
    Command(("jobs", "list"), "show what waits in the outbox", "linnet.cli.jobs:listing", (_JSON, _LIMIT)),
    Command(("jobs", "dead"), "show the jobs that were given up", "linnet.cli.jobs:dead", (_JSON, _LIMIT)),
    Command(
        ("jobs", "retry"),
        "try jobs again that were given up",
        "linnet.cli.jobs:retry",
        (
            taking("id", metavar="ID", type=int, nargs="?", says="see `linnet jobs dead`"),
            taking("--all", action="store_true", says="all of them"),
        ),
        ("linnet jobs retry --all",),
    ),
    Command(
        ("timelines", "rebuild"),
        "make home timelines anew from what their readers follow",
        "linnet.cli.timelines:rebuild",
        (
            taking("name", metavar="NAME", nargs="?", says="whose"),
            taking("--all", action="store_true", says="everybody's"),
        ),
        ("linnet timelines rebuild alice", "linnet timelines rebuild --all"),
    ),
    Command(
        ("database", "migrate"),
        "bring the database to this version's schema, when no older version runs any more",
        "linnet.cli.databases:migrate",
        examples=("linnet database migrate",),
    ),
    Command(
        ("database", "check"),
        "look whether everything is whole: the file, the schema, the counters, the media",
        "linnet.cli.databases:check",
        (
            taking("--quick", action="store_true", says="leave out what takes long"),
            taking("--repair", action="store_true", says="set counters that are wrong"),
        ),
        ("linnet database check",),
    ),
    Command(
        ("database", "backup"),
        "write everything into one file, while the server runs",
        "linnet.cli.backups:backup",
        (
            taking("file", metavar="FILE", says="a tar archive; - is standard output"),
            taking("--force", action="store_true", says="write over a file that is there"),
        ),
        (
            "linnet database backup /backups/linnet-$(date +%F).tar",
            "linnet database backup - | age -r KEY > linnet.tar.age    the archive has secrets: keep it safe",
        ),
    ),
    Command(
        ("database", "restore"),
        "bring back what a backup has; it is verified before anything is replaced",
        "linnet.cli.backups:restore",
        (
            taking("file", metavar="FILE", says="what `linnet database backup` wrote; - is standard input"),
            taking("--force", action="store_true", says="replace a data folder that is not empty (it is kept beside)"),
        ),
        ("linnet database restore /backups/linnet-2026-11-21.tar --data /var/lib/linnet",),
    ),
)

_NODE = taking("--node", metavar="NAME", says="which node (default: this machine's)")
_YES = taking("--yes", action="store_true", says="also where one copy only would be left")

_HERE = (
    taking("--address", metavar="IP", says="where other nodes reach this machine (default: found out)"),
    taking("--name", metavar="NAME", says="what this node is called (default: the machine's name)"),
    taking(
        "--bind",
        metavar="ADDRESS:PORT",
        default="0.0.0.0:8000",
        says="where people come in (default: %(default)s)",
    ),
)
_FRONT = (
    taking("--certificate", metavar="FILE", says="speak TLS there, with this chain and key in one PEM file"),
    taking("--plain", metavar="ADDRESS:PORT", says="beside TLS, a plain port that only leads there"),
    taking("--proxies", metavar="CIDR,…", says="proxies of yours in front, believed about who asks"),
)
_PORTS = taking(
    "--ports",
    metavar="N",
    type=int,
    default=7000,
    says="the first of eight ports; other nodes reach the first six (default: %(default)s)",
)

_CLUSTER = (
    Command(
        ("cluster", "init"),
        "begin a cluster with this machine and run its node",
        "linnet.cli.cluster:init",
        (
            *_HERE,
            taking("--origin", metavar="URL", says="the address that people use; kept for ever at the first start"),
            *_FRONT,
            _PORTS,
            taking("--prepare-only", action="store_true", says="make everything and start nothing, for systemd"),
        ),
        (
            "linnet cluster init --origin https://social.example --bind 0.0.0.0:443 --plain 0.0.0.0:80 "
            "--certificate /etc/linnet/social.example.pem",
            "linnet cluster init --origin https://social.example --address 10.0.0.1 --bind 10.0.0.1:8000 "
            "--proxies 10.0.0.9    behind a proxy of yours",
            "linnet cluster init --prepare-only && systemctl start linnet-node",
            "linnet cluster init --address 127.0.1.1 --data /tmp/n1 --name n1    the first of three on one machine",
        ),
    ),
    Command(
        ("cluster", "run"),
        "run this machine's node: etcd, PostgreSQL, HAProxy and Linnet, each started anew when it ends",
        "linnet.cli.cluster:run",
        examples=(
            "linnet cluster run --data /var/lib/linnet",
            "kill -TERM PID    ends the node with all that it runs, in order",
            "kill -KILL PID    ends nothing: `linnet cluster run` finds what runs and takes it over",
            "kill -HUP PID     the same on purpose: new code, and linnet.toml read again",
        ),
    ),
    Command(
        ("cluster", "status"),
        "show all nodes, who is the primary, how far behind the others are, and what may fail now",
        "linnet.cli.cluster:status",
        (_JSON,),
        ("linnet cluster status --data /var/lib/linnet", "linnet cluster status --json | jq '.[].may_fail'"),
    ),
    Command(
        ("cluster", "token"),
        "let one more machine in: print the command to run there",
        "linnet.cli.membership:token",
        (
            taking("--valid", metavar="TIME", default="24h", says="for how long (default: %(default)s)"),
            taking("--quiet", action="store_true", says="print only the token"),
            taking("--revoke", action="store_true", says="end all tokens that no machine has used, and print none"),
        ),
        ("linnet cluster token", "linnet cluster token --valid 1h --quiet", "linnet cluster token --revoke"),
    ),
    Command(
        ("cluster", "join"),
        "make this machine a node of a cluster and run it; cut off, it goes on when it is run again",
        "linnet.cli.membership:join",
        (
            taking("url", metavar="URL", says="any member, like https://10.0.0.1:7000"),
            taking(
                "--token",
                required=True,
                metavar="T",
                says="what `linnet cluster token` printed, or - for the first line of standard input",
            ),
            *_HERE,
            taking("--origin", metavar="URL", says="the address that people use (default: the cluster's)"),
            *_FRONT,
            _PORTS,
            taking("--prepare-only", action="store_true", says="be let in and start nothing, for systemd"),
        ),
        (
            "linnet cluster join https://10.0.0.1:7000 --token linnet-join-… --data /var/lib/linnet",
            "linnet cluster join https://127.0.1.1:7000 --token … --address 127.0.1.2 --data /tmp/n2 --name n2 "
            "--bind 127.0.1.2:8000",
        ),
    ),
    Command(
        ("cluster", "switchover"),
        "make another member PostgreSQL's primary; posts are accepted meanwhile",
        "linnet.cli.membership:switchover",
        (taking("--to", metavar="NAME", says="which (default: the fittest)"),),
        ("linnet cluster switchover", "linnet cluster switchover --to n2"),
    ),
    Command(
        ("cluster", "drain"),
        "send nobody to a node any more, so that it can be restarted; it keeps its copy",
        "linnet.cli.membership:drain",
        (_NODE,),
        ("linnet cluster drain && systemctl restart linnet-node && linnet cluster undrain",),
    ),
    Command(("cluster", "undrain"), "send people to a node again", "linnet.cli.membership:undrain", (_NODE,)),
    Command(
        ("cluster", "leave"),
        "take a node out of the cluster in order, and end it",
        "linnet.cli.membership:leave",
        (_NODE, _YES),
        ("linnet cluster leave",),
    ),
    Command(
        ("cluster", "remove"),
        "strike a dead node off the list of members",
        "linnet.cli.membership:remove",
        (taking("member", metavar="NAME", says="see `linnet cluster status`"), _YES),
        ("linnet cluster remove n3",),
    ),
    Command(
        ("cluster", "drill"),
        "harm three nodes on this machine in every way, under load, and say which promises were kept",
        "linnet.cli.drill:run",
        (
            taking("--fault", metavar="NAME,…", action="append", says="only these (default: all; see --list)"),
            taking("--list", action="store_true", says="show the faults and do nothing"),
            taking("--runs", type=int, default=5, metavar="N", says="how often each (default: %(default)s)"),
            taking("--rate", type=float, default=30, metavar="POSTS/S", says="posts a second (default: %(default)s)"),
            taking("--reads", type=float, default=100, metavar="READS/S", says="(default: %(default)s)"),
            taking("--report", metavar="DIR", says="where the report goes (default: drill-TIME in this folder)"),
            taking("--resume", action="store_true", says="with --report: go on where a drill ended that wrote it"),
            taking("--keep", action="store_true", says="let the cluster run when all is done, until interrupted"),
            taking("--loopback", action="store_true", says="nodes at 127.0.1.1 to .3, for you to look at; no cables"),
            taking("--against", metavar="URL,…", says="load and verify a cluster of yours, and harm nothing"),
            taking("--tokens", metavar="FILE", says="with --against: access tokens to post with, one a line"),
            taking("--seconds", type=float, default=60, metavar="N", says="with --against (default: %(default)s)"),
            # Given by the drill to itself, behind the door of its stage.
            taking("--inside", says=argparse.SUPPRESS),
            taking("--stage", says=argparse.SUPPRESS),
        ),
        (
            "linnet cluster drill                                       everything, which takes hours",
            "linnet cluster drill --fault switchover,worker-killed --runs 1",
            "linnet cluster drill --report DIR --resume                 the rest of what takes hours",
            "linnet cluster drill --fault nothing --runs 1 --loopback --keep    a cluster to look at",
            "linnet cluster drill --against https://social.example --tokens FILE --rate 5",
        ),
    ),
)

COMMANDS: tuple[Command, ...] = (
    Command(
        ("serve",),
        "run the server",
        "linnet.cli.serve:run",
        examples=(
            "linnet serve",
            "linnet serve --data /var/lib/linnet --origin https://social.example --trusted-proxies 127.0.0.1",
            "linnet serve --registrations approval --max-characters 140",
            "kill -HUP PID    replaces the workers, with new code and configuration, without a failed request",
            "kill -TERM PID   answers what is under way, then ends",
        ),
        serves=True,
    ),
    *_ACCOUNTS,
    *_PEOPLE,
    *_MACHINERY,
    *_CLUSTER,
)
