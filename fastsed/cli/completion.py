"""What the commands take in; scripts that complete them in bash, zsh and fish out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastsed.cli.command_tree import Command, Option, commands

_BASH_WORD = """\
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} step= word options= words=
    COMPREPLY=()
"""
_BASH_VALUES = """\
    # readline splits KEY=value at the equals sign
    local key=
    [[ $cur == = ]] && { key=$prev; cur=; }
    [[ $prev == = ]] && key=${COMP_WORDS[COMP_CWORD-2]}
    if [[ $key ]]; then
        case ${key^^} in
"""
_ZSH_HEAD = "#compdef {names}"


def completion(shell: str) -> str:
    """The script for `bash`, `zsh` or `fish`, to be sourced: all commands."""
    return _SHELLS[shell](commands())


def completion_files() -> dict[str, str]:
    """The scripts as packages install them: path below `share`, where the shells look for them, and text."""
    known = commands()
    files = {f"bash-completion/completions/{one.name}": _bash([one]) for one in known}
    files["zsh/site-functions/_fastsed"] = _zsh(known)
    return files | {f"fish/vendor_completions.d/{one.name}.fish": _fish([one]) for one in known}


# --- bash -------------------------------------------------------------------------------------------------


def _bash(all_commands: Sequence[Command]) -> str:
    return "\n".join(_bash_function(command) for command in all_commands)


def _bash_function(command: Command) -> str:
    name = _function(command.name)
    lines = [f"{name}() {{", _BASH_WORD.rstrip("\n")]
    steps = {"/".join(path): step for path, step in command.below()}
    if steps:
        lines += [
            '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
            f"        case $step/$word in {'|'.join(f'/{path}' for path in steps)})",
            "            step=$step/$word;;",
            "        esac",
            "    done",
        ]
    if command.keys:
        lines.append(_BASH_VALUES.rstrip("\n"))
        lines += [
            f"            {key.name.upper()}) words='{' '.join(key.choices)}';;"
            for key in command.keys
            if key.choices
        ]
        lines += [
            "        esac",
            '        [[ $words ]] && COMPREPLY=($(compgen -W "$words" -- "$cur"))',
            "        return",
            "    fi",
        ]
    lines.append("    case $step,$prev in")
    lines += _bash_choices("", command)
    for path, step in steps.items():
        lines += _bash_choices(f"/{path}", step)
    lines += ["    esac", "    case $step in"]
    for path, step in steps.items():
        lines.append(f"        /{path}) options='{_names(step)}' words='{_step_names(step)}';;")
    first = " ".join([_step_names(command)] if steps else [f"{key.name}=" for key in command.keys])
    lines += [
        f"        *) options='{_names(command)}' words='{first}';;",
        "    esac",
        *(["""    [[ $cur =~ ^[a-z] ]] && words=${words,,}"""] if command.name == "fastsed" else []),
        "    [[ $cur == -* ]] && words=$options",
        """    COMPREPLY=($(compgen -W "$words" -- "$cur"))""",
        "    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null",
        *(["""    COMPREPLY+=($(compgen -f -X '!*.param' -- "$cur"))"""] if command.keys else []),
        "    return 0",
        "}",
        f"complete -o default -F {name} {command.name}",
        "",
    ]
    return "\n".join(lines)


def _bash_choices(step: str, command: Command) -> Iterator[str]:
    """The values of options that have a list of them."""
    for option in command.options:
        if option.choices:
            patterns = "|".join(f"{step},{name}" for name in option.names)
            values = " ".join(option.choices)
            yield f"""        {patterns}) COMPREPLY=($(compgen -W '{values}' -- "$cur")); return;;"""


def _step_names(command: Command) -> str:
    return " ".join(step.name for step in command.steps)


def _names(command: Command) -> str:
    return " ".join(name for option in command.options for name in option.names)


def _function(name: str) -> str:
    return "_" + name.replace("-", "_")


# --- zsh --------------------------------------------------------------------------------------------------


def _zsh(all_commands: Sequence[Command]) -> str:
    names = " ".join(command.name for command in all_commands)
    lines = [_ZSH_HEAD.format(names=names), ""]
    for command in all_commands:
        lines += [_zsh_function(_function(command.name), command), ""]
        for path, step in command.below():
            lines += [_zsh_function(_function("_".join([command.name, *path])), step), ""]
    # as a file of $fpath it completes the command at hand, when sourced it registers itself
    lines += [
        'if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _${service//-/_} "$@"; else',
        *(f"    compdef {_function(command.name)} {command.name}" for command in all_commands),
        "fi",
        "",
    ]
    return "\n".join(lines)


def _zsh_function(name: str, command: Command) -> str:
    lines = [f"{name}() {{"]
    if command.steps:
        lines.append("    local -a steps; steps=(")
        lines += [
            f"        {_quoted(step.name + ':' + _zsh_text(step.description))}" for step in command.steps
        ]
        lines.append("    )")
    if command.keys:
        lines.append("    local -a keys; keys=(" + " ".join(key.name for key in command.keys) + ")")
    if command.steps:
        lines.append("    local curcontext=$curcontext state line")
    lines.append("    _arguments -s -C \\")
    lines += [f"        {_quoted(spec)} \\" for option in command.options for spec in _zsh_specs(option)]
    if command.steps:
        lines += ["        '1:step:{_describe step steps}' \\", "        '*::arguments:->step'"]
        lines.append("    [[ $state == step ]] && case $words[1] in")
        lines += [f"        {step.name}) {name}_{step.name.replace('-', '_')};;" for step in command.steps]
        lines.append("    esac")
    elif command.keys:
        lines.append("        '*:file or key:{_files; compadd -S = -a keys}'")
    else:
        lines.append("        '*:file:_files'")
    return "\n".join([*lines, "}"])


def _zsh_specs(option: Option) -> Iterator[str]:
    value = ""
    if option.metavar:
        value = f":{_zsh_text(option.metavar)}:" + (
            f"({' '.join(option.choices)})" if option.choices else "_files"
        )
    for name in option.names:
        yield f"{name}[{_zsh_text(option.help)}]{value}"


def _zsh_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# --- fish -------------------------------------------------------------------------------------------------


def _fish(all_commands: Sequence[Command]) -> str:
    lines: list[str] = []
    for command in all_commands:
        lines += _fish_options(command.name, "", command.options)
        for path, step in command.below():
            outer = _fish_condition(path[:-1]) or "-n __fish_use_subcommand"
            what = _fish_quoted(step.description)
            lines.append(f"complete -c {command.name} {outer} -f -a {step.name} -d {what}")
            lines += _fish_options(command.name, _fish_condition(path) + " ", step.options)
        for key in command.keys:
            words = [f"{key.name}=", *(f"{key.name}={choice}" for choice in key.choices)]
            what = _fish_quoted(key.help)
            lines.append(f"complete -c {command.name} -a {_fish_quoted(' '.join(words))} -d {what}")
    return "\n".join([*lines, ""])


def _fish_condition(path: Sequence[str]) -> str:
    """That these steps have been typed."""
    tests = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in path)
    return f"-n '{tests}'" if path else ""


def _fish_options(name: str, condition: str, options: Sequence[Option]) -> Iterator[str]:
    for option in options:
        flags = []
        for one in option.names:
            if one.startswith("--"):
                flags.append(f"-l {one[2:]}")
            else:
                flags.append(f"-s {one[1:]}" if len(one) == 2 else f"-o {one[1:]}")
        value = f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r" * bool(option.metavar)
        what = f" -d {_fish_quoted(option.help)}" if option.help else ""
        yield f"complete -c {name} {condition}{' '.join(flags)}{value}{what}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
