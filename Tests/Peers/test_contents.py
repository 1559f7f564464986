"""Files, folders and notebooks of `husk serve`, beside those of Jupyter Server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from peers.reference import Reference
from peers.server import Server

pytestmark = [pytest.mark.husk, pytest.mark.timeout(120)]

STREAM = {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]}
PAGE = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"text/html": "<b>", "a/b+json": [1]},
}
FAILURE = {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["a"]}


def cell(**changes: object) -> dict[str, object]:
    """A code cell that keeps the rules, but for the changes; `...` takes a member away."""
    whole = {
        **{"cell_type": "code", "id": "a", "metadata": {}, "source": ["x\n", "y"]},
        **{"outputs": [STREAM, PAGE, FAILURE], "execution_count": 1},
    }
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def book(*cells: object, **changes: object) -> dict[str, object]:
    """A notebook of these cells, with changes of the same kind."""
    whole: dict[str, object] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    whole["cells"] = list(cells)
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def output(**changes: object) -> dict[str, object]:
    """A notebook whose one output is changed."""
    return book(cell(outputs=[PAGE | changes]))


MARKDOWN = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ""}
KERNEL = {"name": "python3", "display_name": "Python"}

BOOKS: dict[str, dict[str, object]] = {
    "valid": book(cell(), MARKDOWN),
    "valid metadata": book(
        cell(metadata={"tags": ["a", "b"], "name": "n", "scrolled": "auto", "collapsed": True}),
        metadata={"kernelspec": KERNEL, "language_info": {"name": "python"}, "x": 1},
    ),
    "valid attachments": book(MARKDOWN | {"attachments": {"a.png": {"image/png": "x"}}}),
    "no cells": book(),
    "no ids": book(cell(id=...), cell(id=...)),
    "the same id twice": book(cell(), cell()),
    "old": book(cell(id=...), nbformat_minor=0),
    "later": book(
        {"cell_type": "new", "id": "n", "metadata": {}}, cell(new=1), nbformat_minor=9, new=1
    ),
    "no minor version": book(nbformat_minor=...),
    "a minor version below 0": book(nbformat_minor=-1),
    "an id too early": book(cell(), nbformat_minor=4),
    "an unknown member": book(new=1),
    "a kernelspec without a name": book(metadata={"kernelspec": {"display_name": "x"}}),
    "an unknown cell": book({"cell_type": "wrong", "id": "w", "metadata": {}}),
    "an unknown cell, and no minor version": book(
        {"cell_type": "wrong", "metadata": {}}, nbformat_minor=...
    ),
    "an unknown member of a cell": book(cell(new=1)),
    "attachments of code": book(cell(attachments={})),
    "no source": book(cell(source=...)),
    "a number for a source": book(cell(source=1)),
    "no count": book(cell(execution_count=...)),
    "a count below 0": book(cell(execution_count=-1)),
    "a fraction for a count": book(cell(execution_count=1.5)),
    "an id with a blank": book(cell(id="a b")),
    "a long id": book(cell(id="a" * 65)),
    "an empty name": book(cell(metadata={"name": ""})),
    "a tag twice": book(cell(metadata={"tags": ["a", "a"]})),
    "a tag with a comma": book(cell(metadata={"tags": ["a,b"]})),
    "a number for scrolled": book(cell(metadata={"scrolled": 1})),
    "a number for a time": book(cell(metadata={"execution": {"iopub.status.idle": 1}})),
    "an unknown output": output(output_type="wrong"),
    "an unknown member of an output": output(new=1),
    "a number for a page": output(data={"text/html": 1}),
}

NONE: dict[str, object] = {
    "no metadata": book(metadata=...),
    "no cells": book(cells=...),
    "a number for the cells": book(cells=1),
    "a number for a cell": book(1),
    "a cell without metadata": book(cell(metadata=...)),
    "a number in a source": book(cell(source=[1])),
    "a number for an output": book(cell(outputs=[1])),
    "a number for data": output(data=1),
    "a number for attachments": book(MARKDOWN | {"attachments": 1}),
    "a list": [],
}
"""What nbformat cannot read."""


def told(model: dict[str, Any]) -> bool:
    """Whether a model says that its notebook is invalid."""
    assert model.get("message", "Notebook validation failed: ").startswith(
        "Notebook validation failed: "
    )
    return "message" in model


@pytest.mark.parametrize("name", BOOKS)
def test_rules_of_notebooks(server: Server, reference: Reference, name: str) -> None:
    """A notebook that breaks one is sent and saved all the same, with what is wrong."""
    content = BOOKS[name]
    models = []
    for peer in (server, reference):
        (peer.root / "book.ipynb").write_text(json.dumps(content))
        got = peer.request("GET", "/api/contents/book.ipynb")
        assert got.status_code == 200, got.text
        models.append(got.json())
    ours, theirs = models
    assert told(ours) == told(theirs), (ours.get("message"), theirs.get("message"))
    if "id" not in name:
        assert ours["content"] == theirs["content"]


@pytest.mark.parametrize("name", BOOKS)
def test_rules_of_saved_notebooks(server: Server, reference: Reference, name: str) -> None:
    """The same for what a client saves, where Jupyter Server does not fail."""
    body = {"type": "notebook", "format": "json", "content": BOOKS[name]}
    ours, theirs = (
        peer.request("PUT", "/api/contents/saved.ipynb", json=body) for peer in (server, reference)
    )
    if theirs.status_code == 500:
        assert ours.status_code in (200, 201)
        assert told(ours.json())
        return
    assert ours.status_code == theirs.status_code, ours.text
    assert told(ours.json()) == told(theirs.json())


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_notebook(server: Server, reference: Reference, name: str) -> None:
    """It is refused, and can be read as the text that it is."""
    for peer in (server, reference):
        (peer.root / "none.ipynb").write_text(json.dumps(NONE[name]))
        got = peer.request("GET", "/api/contents/none.ipynb")
        assert got.status_code == 400, got.text
        assert got.json()["message"].startswith("Unreadable Notebook: ")
        assert peer.request("GET", "/api/contents/none.ipynb?type=file").status_code == 200


def test_copies_of_folders(server: Server, reference: Reference) -> None:
    """The folders on the way to a copy are made."""
    answers = []
    for peer in (server, reference):
        (peer.root / "source/inner").mkdir(parents=True)
        (peer.root / "source/inner/x.txt").write_text("x")
        found = []
        for target in ("made/there", "made/there", "", "made"):
            answer = peer.request("POST", f"/api/contents/{target}", json={"copy_from": "source"})
            model = answer.json()
            found.append((answer.status_code, model["path"].strip("/"), model["type"]))
            assert (peer.root / model["path"].strip("/") / "inner/x.txt").read_text() == "x"
        answers.append(found)
    assert answers[0] == answers[1]


@pytest.mark.parametrize("path", [".hidden", "a/.hidden/x", "../x", "other.txt", "/", ""])
def test_path_in_a_body(server: Server, reference: Reference, path: str) -> None:
    """A model that is sent back may not say that it is hidden, or outside; else it counts not."""
    body = {"type": "file", "format": "text", "content": "x", "path": path}
    codes = []
    for peer in (server, reference):
        (peer.root / "said.txt").unlink(missing_ok=True)
        codes.append(peer.request("PUT", "/api/contents/said.txt", json=body).status_code)
        assert (peer.root / "said.txt").exists() == (codes[-1] == 201)
        assert not (peer.root / "other.txt").exists()
    assert codes[0] == codes[1]


@pytest.mark.parametrize("path", ["", "/there.txt", "/new.txt", "/sub/new.txt"])
@pytest.mark.parametrize("kind", ["file", "directory"])
def test_links_that_lead_out(server: Server, path: str, kind: str, tmp_path: Path) -> None:
    """What is behind one is not there, for who writes as for who reads."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "there.txt").write_text("theirs")
    link = server.root / "out"
    link.symlink_to(outside)
    try:
        body = {"type": kind} | ({"format": "text", "content": "x"} if kind == "file" else {})
        put = server.request("PUT", f"/api/contents/out{path}", json=body)
        assert put.status_code == 404, put.text
        assert server.get(f"/api/contents/out{path}").status_code == 404
    finally:
        link.unlink()
    assert [one.name for one in outside.iterdir()] == ["there.txt"]
    assert (outside / "there.txt").read_text() == "theirs"


def test_a_folder_that_is_missing(server: Server, reference: Reference) -> None:
    """It is missing, and not behind a link."""
    body = {"type": "file", "format": "text", "content": "x"}
    for peer in (server, reference):
        put = peer.request("PUT", "/api/contents/missing/a.txt", json=body)
        assert put.status_code == 500


HALVES = [r"a\ud800b", r"\udc00", r"\ud83d\u0041", r"\\\ud83d", r"\ude00\ud83d"]
WHOLE = [r"\ud83d\ude00", r"\\ud800", r"\\\ud83d\ude00\u00e9"]


def saved(peer: Server | Reference, name: str, escaped: str) -> requests.Response:
    """Saves a text, or a notebook with a cell of it, that is already written as JSON."""
    body = f'{{"type":"file","format":"text","content":"{escaped}"}}'
    if name.endswith(".ipynb"):
        content = json.dumps(book(cell(source="SOURCE"))).replace("SOURCE", escaped)
        body = f'{{"type":"notebook","format":"json","content":{content}}}'
    return peer.request("PUT", f"/api/contents/{name}", data=body.encode())


@pytest.mark.parametrize("name", ["half.txt", "half.ipynb"])
@pytest.mark.parametrize("escaped", HALVES)
def test_half_a_character(server: Server, reference: Reference, name: str, escaped: str) -> None:
    """No file can hold it: it is refused, and the file stays what it was."""
    for peer in (server, reference):
        first = saved(peer, name, "first")
        assert first.status_code in (200, 201), first.text
        before = (peer.root / name).read_bytes()
        refused = saved(peer, name, escaped)
        assert refused.status_code >= 400
        if peer is server or name == "half.txt":
            assert refused.status_code == 400
            assert refused.json()["message"].startswith("Encoding error saving ")
        assert (peer.root / name).read_bytes() == before


@pytest.mark.parametrize("escaped", WHOLE)
def test_whole_characters(server: Server, reference: Reference, escaped: str) -> None:
    """A pair is one character, and a backslash with letters behind it is text."""
    for peer in (server, reference):
        assert saved(peer, "whole.txt", escaped).ok
        assert (peer.root / "whole.txt").read_text() == json.loads(f'"{escaped}"')


def old(*cells: object, **changes: object) -> dict[str, object]:
    """A notebook of nbformat 3; `...` takes a member away."""
    whole = {
        **{"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old", "signature": "s"}},
        **{"worksheets": [{"cells": list(cells), "metadata": {}}]},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


def old_cell(*outputs: object, **changes: object) -> dict[str, object]:
    """A code cell of nbformat 3."""
    whole = {
        **{"cell_type": "code", "collapsed": True, "language": "python", "metadata": {"a": 1}},
        **{"input": ["x = 1\n", "x"], "prompt_number": 4, "outputs": list(outputs)},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not ...}


HEADING = {"cell_type": "heading", "level": 3, "metadata": {}, "source": ["A\r\n", "b\x85c"]}

OLD: dict[str, dict[str, object]] = {
    "nothing": old(),
    "no worksheet": old(worksheets=[]),
    "two worksheets": old(worksheets=[{"cells": [HEADING]}, {"cells": [old_cell()]}]),
    "code": old(old_cell(), old_cell(prompt_number=..., input=..., collapsed=..., metadata=...)),
    "lines without ends": old(old_cell(input=["a", "b\n", "c"]), HEADING | {"source": ["a", "b"]}),
    "texts": old(
        HEADING,
        HEADING | {"level": 1, "source": ""},
        {"cell_type": "markdown", "metadata": {}, "source": ["*a*\n", "b"], "rendered": ["c\n"]},
        {"cell_type": "raw", "source": "raw"},
        {"cell_type": "html", "source": "<b>", "metadata": {}},
        {"cell_type": "new", "source": "x"},
    ),
    "outputs": old(
        old_cell(
            {"output_type": "stream", "stream": "stderr", "text": ["a\n", "b"]},
            {"output_type": "stream", "text": "c"},
            {"output_type": "pyerr", "ename": "E", "evalue": "e", "traceback": ["t"]},
            {"output_type": "pyout", "prompt_number": 4, "text": ["1\n", "2"], "html": "<b>"},
            {"output_type": "pyout", "text": "1", "metadata": {"png": {"width": 1}, "x": 2}},
            {
                **{"output_type": "display_data", "png": "AA==\n", "jpeg": "BB==", "svg": ["<s>"]},
                **{"latex": ["$x$"], "javascript": ["a\n", "b"], "json": ['{"a":', "[1, null]}"]},
                **{"x/y": 1},
            },
        )
    ),
    "where it is from": old(old_cell(), orig_nbformat=2, orig_nbformat_minor=1),
    "from nowhere": old(old_cell(), orig_nbformat=None, orig_nbformat_minor=0),
    "members of its own": old(old_cell(new=1), new=2),
}
"""What was written by IPython before 2014."""

NOT_OLD: dict[str, dict[str, object]] = {
    "no metadata": old(metadata=...),
    "no worksheets": old(worksheets=...),
    "a worksheet without cells": old(worksheets=[{}]),
    "a number for a worksheet": old(worksheets=[1]),
    "a number for a cell": old(1),
    "no type": old({"source": "x"}),
    "code without outputs": old(old_cell(outputs=...)),
    "a number for an output": old(old_cell(1)),
    "an output of no type": old(old_cell({"text": "a"})),
    "a text for a level": old(HEADING | {"level": "1"}),
    "no JSON": old(old_cell({"output_type": "display_data", "json": "{"})),
}


def without_ids(content: dict[str, Any]) -> dict[str, Any]:
    """A notebook without what nbformat chooses at random."""
    for one in content["cells"]:
        assert one.pop("id")
    return content


@pytest.mark.parametrize("name", OLD)
def test_notebooks_of_version_3(server: Server, reference: Reference, name: str) -> None:
    """They are read as ones of version 4, and saved so."""
    models = []
    for peer in (server, reference):
        (peer.root / "old.ipynb").write_text(json.dumps(OLD[name]))
        got = peer.request("GET", "/api/contents/old.ipynb")
        assert got.status_code == 200, got.text
        models.append(got.json())
    ours, theirs = models
    again = server.get("/api/contents/old.ipynb").json()
    assert again == ours
    ids = [one["id"] for one in ours["content"]["cells"]]
    assert len(set(ids)) == len(ids)
    assert told(ours) == told(theirs), (ours.get("message"), theirs.get("message"))
    body = {name: ours[name] for name in ("type", "format", "content")}
    assert server.request("PUT", "/api/contents/old.ipynb", json=body).status_code == 200
    stored = json.loads((server.root / "old.ipynb").read_text())
    assert (stored["nbformat"], "worksheets" in stored) == (4, False)
    assert without_ids(ours["content"]) == without_ids(theirs["content"])


@pytest.mark.parametrize("name", NOT_OLD)
def test_what_is_no_notebook_of_version_3(server: Server, reference: Reference, name: str) -> None:
    """What is wrong is told by its place."""
    for peer in (server, reference):
        (peer.root / "old.ipynb").write_text(json.dumps(NOT_OLD[name]))
        got = peer.request("GET", "/api/contents/old.ipynb")
        assert got.status_code == 400, got.text
        assert got.json()["message"].startswith("Unreadable Notebook: ")
