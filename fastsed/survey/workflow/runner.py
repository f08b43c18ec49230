"""The workflow of a field: settings in; steps that are not up to date done, up to where the user has to act."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastsed.errors import InputError
from fastsed.survey.results import tag_of
from fastsed.survey.status import count_rows, fit_states
from fastsed.survey.workflow import steps
from fastsed.survey.workflow.field import Field
from fastsed.survey.workflow.record import Record
from fastsed.survey.workflow.steps import Step

log = logging.getLogger(__name__)

Command = Callable[[Sequence[str]], None]
"""Runs a subcommand with its options."""


@dataclass
class Workflow:
    """Goes through the steps of a field.

    Attributes
    ----------
    field : Field
    command : callable
        Runs a subcommand.
    here : bool
        Whether trimming and fitting are done here, not left to a batch system.
    """

    field: Field
    command: Command
    here: bool = False

    def __post_init__(self) -> None:
        Path(self.field.project).mkdir(exist_ok=True)
        self.record = Record.read(Path(f"{self.field.start}_run.json"))

    def run(self) -> bool:
        """Do what is to be done.

        Returns
        -------
        bool
            Whether all is done; False where the user has to act first.

        Raises
        ------
        InputError
            For wrong settings or inputs, and products that were made from other inputs.
        """
        f = self.field
        f.check_inputs()
        self._all(steps.preparation(f))
        if f.asts is not None and not Path(f.asts).exists():
            self._do(steps.ast_list(f))
            log.info("STOP: make the artificial star tests of %s_inputAST*", f.project)
            log.info("their results are to be in %s; then call `run` again", f.asts)
            return False
        self._all(steps.cut_and_split(f))
        self._all(steps.observation_models(f))
        if not self._trim() or not self._fit():
            return False
        self._all(steps.conclusion(f))
        log.info("all steps of %s are done: %s_stats.fits, %s/spatial", f.project, f.start, f.project)
        return True

    def _all(self, several: Sequence[Step]) -> None:
        for step in several:
            self._do(step)

    def _do(self, step: Step) -> None:
        """Do a step that is not up to date."""
        key = self.record.key(step.commands, step.settings, step.inputs)
        if self.record.is_done(step.name, key):
            log.info("%s: up to date", step.name)
            return
        for words in step.commands:
            log.info("$ fastsed-survey %s", shlex.join(words))
            self.command(words)
        self.record.note(step.name, key, step.found_products())

    def _trim(self) -> bool:
        """Index lists of all sub files; whether they are there."""
        due = [step for step in steps.trims(self.field) if not self._is_current(step)]
        if due and self.here:
            self._all(due)
        elif due:
            self._jobs("trim")
            log.info("STOP: run the trimming jobs, then call `run` again")
            return False
        return True

    def _is_current(self, step: Step) -> bool:
        """Whether the products of a job are there, made from these inputs; those made from others are removed."""
        key = self.record.key(step.commands, step.settings, step.inputs)
        if self.record.is_done(step.name, key):
            return True
        products = [Path(name) for name in step.products]
        if self.record.steps.get(f"{step.name}, queued", {}).get("key") != key:
            for path in step.found_products():
                log.info("%s was made from other inputs and is removed", path)
                path.unlink()
            self.record.note(f"{step.name}, queued", key, [])
            return False
        if all(path.exists() for path in products):
            self.record.note(step.name, key, products)
            return True
        return False

    def _fit(self) -> bool:
        """The fits of all sub files; whether they are done."""
        f = self.field
        by_tag = {tag_of(path): path for path in steps.sub_files(f) if count_rows(str(path))}
        todo: list[Step] = []
        for step in steps.fits(f):
            if step.name.removeprefix("fit ") not in by_tag:
                continue
            self._check_origin(step)
            todo.append(step)
        states = {state.catalogue: state.state for state in fit_states(f.project, map(str, by_tag.values()))}
        left = [step for step in todo if states[str(by_tag[step.name.removeprefix("fit ")])] != "done"]
        if left and not self.here:
            self._jobs("fit")
            log.info("STOP: run the fitting jobs, then call `run` again")
            return False
        for step in left:
            (words,) = step.commands
            state = states[str(by_tag[step.name.removeprefix("fit ")])]
            resumed = [*words, "--resume"] if state == "resume" else words
            log.info("$ fastsed-survey %s", shlex.join(resumed))
            self.command(resumed)
        return True

    def _check_origin(self, step: Step) -> None:
        """Refuse to mix fits of these inputs with what was fitted from others."""
        key = self.record.key(step.commands, step.settings, step.inputs)
        known = self.record.steps.get(step.name)
        if known is None or known["key"] == key or not step.found_products():
            if known is None or known["key"] != key:
                self.record.note(step.name, key, [])
            return
        names = ", ".join(str(path) for path in step.found_products())
        raise InputError(
            f"{names}: fitted from other inputs or with other options; remove them, or choose another project",
            self.field.settings.path,
        )

    def _jobs(self, kind: str) -> None:
        """Write the job lists of what is left."""
        f = self.field
        words = ["jobs", kind, f.project, f.cut_catalogue, "--seds_fname", f.grid, "--noise", f.noise("{}")]
        words += [*f.vega, *f.columns, *f.option("nice", "nice"), *f.option("prefix", "prefix")]
        words += f.option("format", "job_format")
        words += (
            f.option("num_subtrim", "num_subtrim")
            if kind == "trim"
            else f.option("num_percore", "num_percore")
        )
        if kind == "fit":
            words += ["--grid_info", f.grid_info, "--fit_options", shlex.join(f.words("fit_options"))]
        log.info("$ fastsed-survey %s", shlex.join(words))
        self.command(words)
