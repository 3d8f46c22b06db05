"""Files: how the columns of one are read, its job, the riskiest shipments and the rejected rows."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.datastructures import UploadFile
from starlette.responses import Response

from features.manifest.fields import MANIFEST_NAMES
from features.readers import ColumnMapping, MappingError, Unreadable
from service.console.roles import Role
from service.console.texts import time_of
from service.console.visit import Page, Problem, Visit
from service.files.validate import ValidationReport, validate_file

#: Bytes of the beginning of a file from which its columns are guessed; the browser sends as much.
HEAD: Final = 256 * 1024
_EXAMPLES: Final = 3
_OPEN: Final = ("queued", "running")
_RISKIEST: Final = 50
#: Rejected rows that the page of a job shows, and most rows of a file of rejects that is read for that.
_REJECTS, _MOST_REJECTS = 20, 10_000


async def files(visit: Visit) -> Response:
    """Show the form for a file, and the latest jobs; the jobs alone for htmx."""
    found = await visit.get("/v1/jobs", {"limit": 20})
    jobs = [one | _progress(one) for one in found["jobs"]]
    is_open = any(one["state"] in _OPEN for one in jobs)
    return await visit.page("files.html", "jobs" if visit.is_part else None, jobs=jobs, is_open=is_open)


def _progress(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of rows that are done, from 0 to 1, and the seconds left; None while they are unknown."""
    total, done = job["rows_total"], job["rows_done"]
    if not total or job["started_at"] is None:
        return {"share": 1.0 if job["state"] == "done" else 0.0, "left": None}
    passed = time.time() - time_of(job["started_at"]).timestamp()
    left = passed / done * (total - done) if done and job["state"] == "running" else None
    return {"share": min(1.0, done / total), "left": left}


async def columns(visit: Visit) -> Response:
    """Show which column is read as which field, from the beginning of a file."""
    given = await visit.form()
    head = given.get("head")
    if not isinstance(head, UploadFile):
        raise Problem(422, {"detail": "Choose a file first."})
    name = Path(head.filename or "file.csv").name
    content, mapping = await head.read(HEAD), str(given.get("mapping") or "")
    await given.close()
    try:
        report = await visit.run(_report, name, content, mapping)
    except (MappingError, Unreadable, OSError, EOFError, ValueError) as error:
        raise Problem(422, {"detail": f"The columns cannot be shown before the file is scored: {error}"}) from None
    read_as = {source: field.name for field in report.fields for source in field.source.split(" + ")}
    samples = _samples(content, report)
    listed = list(dict.fromkeys((*samples, *read_as, *report.lost)))
    rows = [{"column": one, "field": read_as.get(one, ""), "samples": samples.get(one, [])} for one in listed]
    values: dict[str, Any] = {
        "rows": rows,
        "report": report,
        "guessed": report.guessed,
        "names": MANIFEST_NAMES,
        "file": name,
    }
    return await visit.page("files.html", "columns", **values)


def _report(name: str, content: bytes, mapping: str) -> ValidationReport:
    """Return how the beginning of a file is read. Its last line may be cut."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        whole = content if len(content) < HEAD or b"\n" not in content else content[: content.rindex(b"\n") + 1]
        path.write_bytes(whole)
        return validate_file(path, ColumnMapping.from_text(mapping) if mapping.strip() else None)


def _samples(content: bytes, report: ValidationReport) -> dict[str, list[str]]:
    """Return the first values of each column of a delimited file; nothing for other files."""
    if report.delimiter is None:
        return {}
    text = content.decode(report.encoding or "utf-8", "replace")
    rows = csv.reader(io.StringIO(text), delimiter=report.delimiter)
    header = next(rows, [])
    values: Sequence[list[str]] = [row for row, _ in zip(rows, range(50), strict=False)]
    return {
        name.lstrip("\ufeff"): [row[place] for row in values if place < len(row) and row[place]][:_EXAMPLES]
        for place, name in enumerate(header)
    }


async def mapping(visit: Visit) -> Response:
    """Return the columns that an officer chose as a mapping in TOML, for the job and to keep."""
    chosen: dict[str, list[str]] = {}
    ignored = []
    for name, field in (await visit.form()).multi_items():
        column = name.removeprefix("column ")
        if column != name:
            if field in MANIFEST_NAMES:
                chosen.setdefault(str(field), []).append(column)
            else:
                ignored.append(column)
    lines = [f"{field} = {_toml(columns if columns[1:] else columns[0])}" for field, columns in chosen.items()]
    text = "\n".join(["[columns]", *lines, "", "[fields]", f"ignore = {_toml(ignored)}", ""])
    return await visit.page("files.html", "mapping", text=text, count=len(chosen))


def _toml(value: str | list[str]) -> str:
    # JSON's strings and lists are also TOML's.
    return orjson.dumps(value).decode()


async def start(visit: Visit) -> Response:
    """Queue a job. The file is passed on as it arrives."""
    await visit.pass_on("/v1/jobs")
    return visit.redirect("/files")


async def job(visit: Visit) -> Response:
    """Show a job: its riskiest shipments and its rejected rows."""
    job_id = visit.path["id"]
    found = await visit.get(f"/v1/jobs/{job_id}")
    # All decisions of a job have the time of receipt of its file.
    received = time_of(found["created_at"])
    between = {"since": received.isoformat(), "until": (received + dt.timedelta(microseconds=1)).isoformat()}
    listed = await visit.get("/v1/decisions", between | {"sort": "riskiest", "limit": _RISKIEST})
    riskiest = [row for row in listed["decisions"] if row["via"] == "job"]
    rejects: list[dict[str, str]] = []
    if found["rejected"] and found["state"] == "done" and found["rejected"] <= _MOST_REJECTS:
        text = await visit.get_text(f"/v1/jobs/{job_id}/rejects")
        rejects = [row for row, _ in zip(csv.DictReader(io.StringIO(text)), range(_REJECTS), strict=False)]
    values = {
        "job": found | _progress(found),
        "is_open": found["state"] in _OPEN,
        "riskiest": riskiest,
        "rejects": rejects,
    }
    return await visit.page("job.html", "job" if visit.is_part else None, **values)


async def download(visit: Visit) -> Response:
    """Download the result or the rejected rows of a job."""
    return visit.forward(f"/v1/jobs/{visit.path['id']}/{visit.path['what']}")


async def cancel(visit: Visit) -> Response:
    """Cancel a job."""
    await visit.delete(f"/v1/jobs/{visit.path['id']}")
    return visit.redirect("/files")


PAGES: Final = (
    Page("GET", "/files", Role.OFFICER, files),
    Page("POST", "/files", Role.OFFICER, start, streams=True),
    Page("POST", "/files/columns", Role.OFFICER, columns),
    Page("POST", "/files/mapping", Role.OFFICER, mapping),
    Page("GET", "/files/{id}", Role.OFFICER, job),
    Page("POST", "/files/{id}/cancel", Role.OFFICER, cancel),
    Page("GET", "/files/{id}/download/{what}", Role.OFFICER, download),
)
