"""What was typed, before Invoke reads it: a host needs no `--host`, a mistake gets a hint and exit code 2."""

from __future__ import annotations

import difflib
import inspect
import itertools
import re
import signal
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from invoke.exceptions import Exit, ParseError
from invoke.parser import Parser
from invoke.parser.context import ParserContext

from fleet.command_line.verb import TYPED
from fleet.errors import OperatorError

if TYPE_CHECKING:
    from invoke.collection import Collection as Namespace

HELP = {"-h", "--help"}
QUERY = {"db", "db.shell"}
# Options whose value may stand alone, too: Invoke's own positional words may not be left out.
ALONE = ("services", "page")
VALUE_MISSING = "It is last, or another option follows it."


def prepare(program: Any, namespace: Namespace) -> None:
    """Rewrite and check the words that a program is about to read; not one that only imports the verbs.

    Args:
        program: Invoke's; it has read its own options already.
    """
    if getattr(program, "core", None) is None:
        return
    try:
        _prepare(program, namespace)
    except OperatorError as error:
        raise Exit(str(error), code=error.code) from None


def _prepare(program: Any, namespace: Namespace) -> None:
    from fleet.command_line import completion

    words: list[str] = program.core.unparsed
    if program.args.complete.value:
        completion.complete(program.core.remainder, namespace)
        return
    if words[:1] == ["help"]:
        words[:] = [*words[1:2], "--help"] if words[1:] else []
    help_for = words[0] if words and HELP & set(before_command(words)) else program.args.help.value
    if not words or help_for:
        # Who pipes these into `head` has read enough: Python would complain of it.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if help_for in names(namespace):
        _show_help(program, namespace, help_for)
    # `inv` alone is a question, too: Invoke would answer with its own options.
    if not (words or help_for or program.args["list"].value):
        program.args["list"].set_value(True, cast=False)
    TYPED[:] = words[:1]
    words[:] = with_hosts(words, namespace, _hosts)
    # Reading all verbs' options takes a tenth of `inv --list`.
    if words:
        _check(program, namespace, words)


def _show_help(program: Any, namespace: Namespace, verb: str) -> NoReturn:
    context = next(context for context in namespace.to_contexts() if verb in (context.name, *context.aliases))
    words = [verb, *(str(argument.name).upper() for argument in context.positional_args)]
    words += [f"[{name.upper()}]" for name in _alone(list(context.args.values()))]
    words += ["[HOST]"] * (_takes_host(list(context.args.values())) and "HOST" not in words) + ["[options]"] * bool(
        context.args
    )
    print(f"inv {' '.join(words)}\n\n  {inspect.getdoc(namespace[verb])}\n")
    if context.args:
        program.print_columns(context.help_tuples())
    raise Exit(code=0)


def names(namespace: Namespace) -> list[str]:
    """Return the verbs, as one may type them."""
    return [name for verb, others in namespace.task_names.items() for name in (verb, *others)]


def before_command(argv: Sequence[str]) -> list[str]:
    """Return the words up to `--`, behind which stands a command for a service."""
    return list(argv[: argv.index("--")] if "--" in argv else argv)


def with_hosts(argv: Sequence[str], namespace: Namespace, known: Callable[[], Collection[str]]) -> list[str]:
    """Return the words with an option for each that stands alone: host or group, service, page, query of `inv db`.

    Args:
        argv: the verb and what follows it.
        known: names of hosts and groups; called only where a word stands alone.
    """
    if len(argv) < 2 or argv[0] not in names(namespace):
        return list(argv)
    arguments = namespace[argv[0]].get_arguments()
    takes_value = {
        f"{'-' * (1 + (len(name) > 1))}{name}"
        for argument in arguments
        if argument.takes_value
        for name in argument.names
    }
    typed = before_command(argv)
    alone = [n for n in range(1, len(typed)) if not typed[n].startswith("-") and typed[n - 1] not in takes_value]
    named = [n for n in alone if set(typed[n].split(",")) <= set(known())] if _takes_host(arguments) else []
    others = [n for n in alone if n not in named]
    queries = [n for n in others if argv[0] in QUERY and " " in typed[n]]
    option = _alone(arguments)
    values = others if option else []
    kept = [word for n, word in enumerate(argv) if n not in {*named, *queries, *values}]
    options = [f"--host={','.join(typed[n] for n in named)}"] if named else []
    options += [f"--{option[0]}={','.join(typed[n] for n in values)}"] if values else []
    return [kept[0], *options, *(f"--command={typed[n]}" for n in queries), *kept[1:]]


def _takes_host(arguments: Sequence[Any]) -> bool:
    return any("host" in argument.names for argument in arguments)


def _alone(arguments: Sequence[Any]) -> list[str]:
    """Return the option of a verb whose value may stand alone, where it has one."""
    return [name for name in ALONE for argument in arguments if name in argument.names and not argument.positional]


def _hosts() -> list[str]:
    from fleet.inventory.hosts import load

    hosts = load()
    return [*(host.name for host in hosts), *{group for host in hosts for group in host.groups}, "all"]


def _check(program: Any, namespace: Namespace, argv: Sequence[str]) -> None:
    verb = argv[0] if argv and argv[0] in names(namespace) else ""
    if [word.partition("=")[0] for word in before_command(argv)].count("--host") > 1:
        raise _ended(verb, "the host is named twice.", "Only one of them can be meant.")
    if option := _without_value(argv, namespace[verb].get_arguments() if verb else []):
        raise _ended(verb, f"{option} needs a value.", VALUE_MISSING)
    try:
        Parser(initial=program.initial_context, contexts=_contexts(namespace, argv)).parse_argv(list(argv))
    except ParseError as error:
        raise _refusal(str(error), verb, namespace) from None
    except ValueError as error:
        raise _ended(verb, "an option needs a number.", f"{str(error).rpartition(': ')[2]} is not one.") from None


def _contexts(namespace: Namespace, argv: Sequence[str]) -> list[ParserContext]:
    """Return what Invoke's parser has to know of the verbs that were typed: it copies each, and there are many."""
    typed = [verb for verb, others in namespace.task_names.items() if {verb, *others} & set(argv)]
    return [ParserContext(verb, namespace.task_names[verb], namespace[verb].get_arguments()) for verb in typed]


def _without_value(argv: Sequence[str], arguments: Sequence[Any]) -> str:
    """Return the first repeatable option without a value: Invoke ignores it, and a deploy would bring the head."""
    options = {f"--{name}" for argument in arguments if argument.kind is list for name in argument.names}
    pairs = itertools.pairwise([*before_command(argv), "-"])
    return next((word for word, after in pairs if word in options and after.startswith("-")), "")


def _ended(verb: str, what: str, why: str, do: str = "") -> Exit:
    shown = f"inv {verb} --help" if verb else "inv --list shows the verbs."
    refused = OperatorError(f"inv {verb}: {what}" if verb else what, why, do or shown)
    return Exit(str(refused), code=refused.code)


def _refusal(message: str, verb: str, namespace: Namespace) -> Exit:
    if unknown := re.fullmatch(r"No idea what '(.+)' is!", message):
        return _unknown(unknown[1], verb, namespace)
    if missing := re.fullmatch(r"'.+' did not receive required positional arguments: (.+)", message):
        arguments = namespace[verb].get_arguments()
        needed = [
            f"{argument.name.upper()} ({argument.help})" for argument in arguments if f"'{argument.name}'" in missing[1]
        ]
        return _ended(verb, "a word is missing.", f"It needs {' and '.join(needed)}.")
    if flag := re.match(r"Flag <\w+: ([\w-]+)", message):
        what = f"--{flag[1].replace('_', '-')} "
        if "doesn't take" in message:
            return _ended(verb, f"{what}takes no value.", "It is on when it is there.")
        return _ended(verb, f"{what}needs a value.", VALUE_MISSING)
    return _ended(verb, "it cannot be read.", message)


def _unknown(word: str, verb: str, namespace: Namespace) -> Exit:
    if not verb:
        known, what = names(namespace), f"{word!r} is not a verb."
        why = "A verb comes first, then its words and options."
    elif word.startswith("-"):
        known = [f"--{name}" for argument in namespace[verb].get_arguments() for name in argument.names]
        what, why = f"unknown option {word!r}.", "Another verb may have it."
        if similar := [name for name in known if re.fullmatch("-[a-z]", word) and name.startswith(f"-{word}")]:
            why = "Few options have a short form, and none that could do harm: those are typed out."
            return _ended(verb, what, why, f"Did you mean {' or '.join(similar)}?")
    else:
        known, what = _hosts(), f"{word!r} is neither a host nor an option."
        why = "The inventory has no such host or group."
    close = difflib.get_close_matches(word.partition("=")[0], known, n=1)
    return _ended(verb, what, why, f"Did you mean {close[0]!r}?" if close else "")
