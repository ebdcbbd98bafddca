"""Explains picture after picture, a file each, and passes over what is there already. Several processes share them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import nn

from core.activations import find_layer
from core.errors import UsageError, WorkError
from core.files import write_whole
from core.protection import leave_out
from core.sharing import company, one_run_in
from studies.explain.cost import cost
from studies.explain.flags import Settings
from studies.explain.jobs import Job, list_jobs
from studies.explain.table import Row, joined, read_table, write_table
from studies.explain.web_report import report_page
from studies.explain.work import Done, Work, find_left_out
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import footer, open_network
from studies.shared.overlap import overlapped
from studies.shared.report import Report, counted


@dataclass
class Tally:
    """What has become of the pictures of one process, or of several."""

    rows: dict[str, Row] = field(default_factory=dict)  # of each that has its files, by the name of its PNG
    written: int = 0  # by this run; the others were there already
    mended: int = 0  # of these, in the place of something damaged
    broken: list[UsageError] = field(default_factory=list)  # not told yet

    def count(self, job: Job, result: Done) -> None:
        """Add a picture."""
        if result.error:
            self.broken.append(result.error)
        else:
            self.rows[job.target.name] = result.row
            self.written += result.written
            self.mended += result.mended

    def told(self) -> bytes:
        """As it travels to the first process; broken pictures are told where they were read."""
        return json.dumps([self.rows, self.written, self.mended]).encode()

    def add(self, told: bytes) -> None:
        """Add what another process tells."""
        rows, written, mended = json.loads(told)
        self.rows |= {name: Row(*row) for name, row in rows.items()}
        self.written, self.mended = self.written + written, self.mended + mended

    def __str__(self) -> str:
        there = len(self.rows) - self.written
        kept = f"; there already: {there}" if there else ""
        return kept + (f"; damaged, and made again: {self.mended}" if self.mended else "")


def run(settings: Settings, report: Report) -> None:
    """Explain the pictures named, or the default ones. Ctrl-C keeps the files that are finished, and their table."""
    model, settings = open_network(settings, report)
    find_layer(model, settings.layer)
    there, tally, failure = company(), Tally(), None
    if there.leads:
        tell(cost(settings), report.say, model)
    with Interruption() as stop, one_run_in(settings.output):
        jobs = list_jobs(model, settings, report)
        check_alike(jobs)
        mine = list(there.deal(jobs))
        expect_files(jobs, mine, settings, report)
        left_out = find_left_out(model, settings, report)
        last = read_table(settings.table) if there.leads else {}
        try:
            explain(mine, Work(model, settings, report, left_out), tally)
        except (WorkError, KeyboardInterrupt) as error:  # a full disk, say: the table is tried all the same
            failure = error
        if not there.leads or not isinstance(failure, KeyboardInterrupt):
            for told in there.gather(tally.told())[1:]:
                if told is not None:  # else that process has told what was wrong
                    tally.add(told)
        if tally.rows or not there.leads:
            skip(tally, report)
        if there.leads:
            later = finish(jobs, tally, last, model, settings, report)
            failure = failure or later
        if failure:
            raise failure
    stop.go_on()


def expect_files(jobs: Sequence[Job], mine: Sequence[Job], settings: Settings, report: Report) -> None:
    """Check what will be written. Raises UsageError for files of other origin, WorkError where none can be written.

    Each process checks its own files, which nobody else writes; the tables are the first one's.
    """
    leave_out([*settings.of_all, *(job.raw_maps for job in jobs)])  # no pictures, though they may lie in their folder
    report.expect([*settings.of_all * company().leads, *(path for job in mine for path in job.files(settings))])


def check_alike(jobs: Iterable[Job]) -> None:
    """Raise WorkError in a process that does not find the pictures that the first finds: each would be dealt others."""
    digest = hashlib.sha256()
    for job in jobs:
        digest.update(f"{job.picture.source}\0{job.target.name}\0".encode("utf-8", "surrogateescape"))
    if company().follow(digest.digest()) != digest.digest():
        raise WorkError("images: this process finds others than the first; let all of them see the same folder")


def explain(jobs: Sequence[Job], work: Work, tally: Tally) -> None:
    """Do the jobs, and count what becomes of each. Broken pictures are named as soon as there is one to go on with."""
    bar = work.report.progress(total=len(jobs), desc=company().of_all("explained"), unit="picture")

    def done(job: Job, result: Done) -> None:
        tally.count(job, result)
        if tally.rows:
            skip(tally, work.report)
        bar.update()

    with bar:
        overlapped(jobs, read=work.read, compute=work.compute, done=done)


def skip(tally: Tally, report: Report) -> None:
    """Name the broken pictures."""
    while tally.broken:
        report.skip(tally.broken.pop(0))


def finish(
    jobs: Sequence[Job], tally: Tally, last: dict[str, Row], model: nn.Module, settings: Settings, report: Report
) -> UsageError | WorkError | None:
    """Say what has been done, write the table and the page; return what went wrong, the first error if none is good."""
    if tally.broken:
        return tally.broken[0]
    report.say(f"wrote {counted(tally.written, 'picture')} to {settings.output}{tally}")
    try:
        if rows := joined(jobs, tally.rows, last):
            write_table(settings.table, rows, report)
            if settings.report:
                page = report_page(rows, settings, footer(model))
                report.say(f"wrote {write_whole(settings.page, page)}, {len(page) / len(rows) / 1000:.0f} kB a picture")
            elif tally.written and settings.page.exists():
                report.say(f"{settings.page} is of an earlier run; with --report it is made again")
    except WorkError as error:
        return error
    return None
