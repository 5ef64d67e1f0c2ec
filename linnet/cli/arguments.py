"""The command line: every command with its arguments and help, read without loading what the commands need."""

import argparse
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from linnet import __version__
from linnet.cli.commands import COMMANDS, Command
from linnet.cli.ending import CONFIGURATION, USAGE, Ending
from linnet.config import OPTIONS, Config, Refused, load

_ABOUT = """\
A microblogging server that speaks the Mastodon client API and loses no post.

  linnet serve                                     start; the first start prints a link for the owner
  linnet serve --origin https://social.example     the same, behind a proxy with that name
  linnet COMMAND --help                            what a command does, with examples
"""

_PRECEDENCE = """\
Every option may also be given as a variable (--log-format is LINNET_LOG_FORMAT) or as a key of DIR/linnet.toml
(log_format = "json"). A flag wins over a variable, that over the file. Times are written like 36h, sizes like 16M.
"""


class _Parser(argparse.ArgumentParser):
    """Refuses with the code that sysexits.h has for it, and says where help is."""

    def error(self, message: str) -> NoReturn:
        raise Ending(USAGE, f"{message} (see `{self.prog} --help`)")


def parser() -> argparse.ArgumentParser:
    """All commands."""
    root = _Parser(
        prog="linnet", description=_ABOUT, epilog=_PRECEDENCE, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    root.add_argument("--version", action="version", version=f"linnet {__version__}")
    _add_options(root, "every")
    _add_commands(root, ())
    return root


def _add_commands(under: argparse.ArgumentParser, prefix: tuple[str, ...]) -> None:
    here = [command for command in COMMANDS if command.words[: len(prefix)] == prefix]
    subparsers = under.add_subparsers(metavar="COMMAND", required=True, title="commands", dest=f"word{len(prefix)}")
    for word in dict.fromkeys(command.words[len(prefix)] for command in here):
        words = (*prefix, word)
        command = next(command for command in here if command.words[: len(words)] == words)
        if command.words == words:
            _add_command(subparsers, word, command)
        else:
            says = ", ".join(entry.words[-1] for entry in here if entry.words[: len(words)] == words)
            group = subparsers.add_parser(word, help=says, description=f"{word}: {says}", allow_abbrev=False)
            _add_commands(group, words)


def _add_command(subparsers: Any, word: str, command: Command) -> None:
    examples = "".join(f"  {example}\n" for example in command.examples or (_plainly(command),))
    added = subparsers.add_parser(
        word,
        help=command.says,
        description=f"{command.says[0].upper()}{command.says[1:]}.",
        epilog=f"examples:\n{examples}" + (f"\n{_PRECEDENCE}" if command.serves else ""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for names, settings in command.arguments:
        added.add_argument(*names, **settings)
    _add_options(added, "every", without=_OF_THE_NODE if command.words[0] == "cluster" else ())
    for group in ("serve", "community", "retention") if command.serves else ():
        _add_options(added, group)
    added.set_defaults(command=command)


def _plainly(command: Command) -> str:
    """The shortest way to give a command."""
    needed = (settings.get("metavar", "") for names, settings in command.arguments if not names[0].startswith("-"))
    return " ".join(("linnet", *command.words, *needed))


_TITLES = {
    "every": "where",
    "serve": "serving",
    "community": "the community",
    "retention": "how long things are kept",
}


_OF_THE_NODE = ("database", "journal", "blobs")
"""What a node says to its Linnet by itself, or finds in its linnet.toml: given to the node, it would mean nothing."""


def _add_options(to: argparse.ArgumentParser, group: str, without: Collection[str] = ()) -> None:
    place = to.add_argument_group(_TITLES[group])
    if group == "every":
        place.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="instead of DIR/linnet.toml")
    for name, entry in OPTIONS.items():
        about = entry.metadata
        if about["group"] == group and name not in without:
            default = f" (default: {about['default']})" if about["default"] else ""
            says = f"{about['says']}{default}".replace("%", "%%")
            place.add_argument(
                f"--{name}", metavar=about["metavar"], help=says, default=argparse.SUPPRESS, dest=f"option {name}"
            )


def parsed(arguments: Sequence[str]) -> tuple[argparse.Namespace, Config]:
    """What was asked for, and the options that hold. Raises Ending; ``--help`` ends the process as argparse does."""
    chosen = parser().parse_args(arguments, argparse.Namespace(given=list(arguments)))
    flags = {name: str(value) for name in OPTIONS if (value := vars(chosen).get(f"option {name}")) is not None}
    file = getattr(chosen, "config", None)
    try:
        of_node = chosen.command.words[0] == "cluster"
        return chosen, load(flags, os.environ, Path(file) if file else None, of_node=of_node)
    except Refused as refusal:
        raise Ending(CONFIGURATION, f"{refusal}.") from None


def configuration(arguments: Sequence[str]) -> Config:
    """The options that hold for ``linnet serve ARGUMENTS``. Raises Ending."""
    return parsed(arguments)[1]
