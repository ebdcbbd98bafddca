"""Explains picture after picture, a file each, and passes over what is there already."""

from collections.abc import Sequence

from core.activations import find_layer
from core.errors import WorkError
from core.protection import leave_out
from studies.explain.cost import cost
from studies.explain.flags import Settings
from studies.explain.jobs import Job, list_jobs
from studies.explain.table import Row, joined, read_table, write_table
from studies.explain.work import Done, Work
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import open_network
from studies.shared.overlap import overlapped
from studies.shared.report import Report


def run(settings: Settings, report: Report) -> None:
    """Explain the pictures named, or the default ones. Ctrl-C keeps the files that are finished, and their table."""
    model, settings = open_network(settings, report)
    find_layer(model, settings.layer)
    tell(cost(settings), report.say, model)
    with Interruption() as stop:
        jobs, rows, failure = list_jobs(model, settings, report), {}, None
        expect_files(jobs, settings, report)
        last = read_table(settings.table)
        try:
            explain(jobs, Work(model, settings, report), rows)
        except (WorkError, KeyboardInterrupt) as error:  # a full disk, say: the table is tried all the same
            failure = error
        try:
            if found := joined(jobs, rows, last):
                write_table(settings.table, found, report)
        except WorkError as error:
            failure = failure or error
        if failure:
            raise failure
    stop.go_on()


def expect_files(jobs: Sequence[Job], settings: Settings, report: Report) -> None:
    """Check what will be written. Raises UsageError for files of other origin, WorkError where none can be written."""
    tables = [settings.table, settings.table.with_suffix(".md")]
    leave_out([*tables, *(job.raw_maps for job in jobs)])  # no pictures, though they may lie in the folder of these
    report.expect([*tables, *(path for job in jobs for path in job.files(settings))])


def explain(jobs: Sequence[Job], work: Work, rows: dict[str, Row]) -> None:
    """Do the jobs, and add the row of each picture, by the name of its file. Broken pictures are named.

    Raises the first one's UsageError if no picture can be read.
    """
    report, broken, ended = work.report, [], []
    bar = report.progress(total=len(jobs), desc="explained", unit="picture")

    def done(job: Job, result: Done) -> None:
        if result.error:
            broken.append(result.error)  # told once there is a picture to go on with
        else:
            rows[job.target.name] = result.row
            ended.append((result.written, result.mended))
        while ended and broken:
            report.skip(broken.pop(0))
        bar.update()

    try:
        with bar:
            overlapped(jobs, read=work.read, compute=work.compute, done=done)
    finally:  # also when interrupted
        written, mended = (sum(each) for each in zip(*ended, strict=True)) if ended else (0, 0)
        there = len(ended) - written
        kept = f"; {there} were there already" if there else ""
        again = f"; {mended} that were damaged were made again" if mended else ""
        if ended or not broken:
            report.say(f"wrote {written} pictures to {work.settings.output}{kept}{again}")
    if broken:
        raise broken[0]
