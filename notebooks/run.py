"""Run the notebooks and keep what they show: `python notebooks/run.py [names] [--small]`.

A notebook is run from top to bottom in a new kernel, in an empty folder. What its cells gave is stored in it, the picture of
its cell tagged "thumbnail" in `thumbnails/`, and the gallery in `README.md` is written anew from all of them. With `--small`,
`small = False` in the cell tagged "parameters" becomes True, and nothing is stored. Needs the extra `notebook`.
"""

import argparse
import base64
import io
import os
import pathlib
import re
import tempfile
import time
from typing import Any

import nbclient
import nbformat

FOLDER = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- gallery: written by run.py -->\n", "<!-- end of gallery -->\n"


def find(names: list[str]) -> list[pathlib.Path]:
    """The notebooks whose file names begin with one of `names`; all for none."""
    every = sorted(FOLDER.glob("*.ipynb"))
    for name in names:
        if not any(path.name.startswith(name) for path in every):
            raise SystemExit(f"No notebook begins with {name!r}; there are {', '.join(path.stem for path in every)}.")
    return [path for path in every if not names or path.name.startswith(tuple(names))]


def tagged(notebook: Any, tag: str) -> list[Any]:
    """The cells with this tag."""
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", ())]


def execute(path: pathlib.Path, small: bool) -> Any:
    """The notebook with what its cells give.

    Raises: nbclient's CellExecutionError; RuntimeError where a cell writes to stderr, as warnings do.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in tagged(notebook, "parameters"):
        cell.source = cell.source.replace("small = False", f"small = {small}")
    began = time.perf_counter()
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    with tempfile.TemporaryDirectory() as folder:
        client = nbclient.NotebookClient(
            notebook,
            timeout=1800,
            kernel_name="python3",
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute(env=environment)
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.get("name") == "stderr":
                raise RuntimeError(f"{path.stem}: a cell wrote to stderr: {output.text}")
    for cell in tagged(notebook, "parameters"):
        cell.source = cell.source.replace(f"small = {small}", "small = False")
    notebook.metadata["autonet"] = {"seconds": round(time.perf_counter() - began)}
    return notebook


def smaller(picture: str) -> str:
    """A PNG picture in base64 with 256 colours, which is a third of the size; as it was where that gains nothing."""
    from PIL import Image  # comes with matplotlib

    packed = io.BytesIO()
    image: Any = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    text = base64.b64encode(packed.getvalue()).decode()
    return text if len(text) < len(picture) else picture


def store(path: pathlib.Path, notebook: Any) -> None:
    """Keep a notebook with its outputs, and the picture that stands for it."""
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i:02}"  # the same at each run, for quiet differences
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])
    nbformat.write(notebook, path)
    pictures = [
        output.data["image/png"]
        for cell in tagged(notebook, "thumbnail")
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    if pictures:
        from PIL import Image  # comes with matplotlib

        image: Any = Image.open(io.BytesIO(base64.b64decode(pictures[-1]))).convert("RGB")
        image.thumbnail((360, 240), Image.Resampling.LANCZOS)
        (FOLDER / "thumbnails").mkdir(exist_ok=True)
        image.quantize(64).save(FOLDER / "thumbnails" / f"{path.stem}.png", optimize=True)


def gallery() -> str:
    """The table of all notebooks: picture, title and question, key figure, time at the real setting."""
    rows = ["| | | what it shows | takes |", "|---|---|---|---|"]
    for path in find([]):
        notebook = nbformat.read(path, as_version=4)
        if "autonet" not in notebook.metadata:  # not run yet
            continue
        title, question = re.match(r"# (.+)\n\s*((?:.+\n?)+)", notebook.cells[0].source).groups()  # type: ignore[union-attr]
        question = " ".join(question.split())
        figure = "".join(output.get("text", "") for output in notebook.cells[-1].outputs).strip().replace("|", "\\|")
        seconds = notebook.metadata["autonet"]["seconds"]
        takes = f"{seconds} s" if seconds < 60 else f"{seconds / 60:.0f} min"
        picture = f"[![{title}](thumbnails/{path.stem}.png)]({path.name})"
        rows.append(f"| {picture} | **[{title}]({path.name})**. {question} | {figure} | {takes} |")
    return "\n".join(rows) + "\n"


def write_gallery() -> None:
    """Put the table of all notebooks into README.md."""
    page = FOLDER / "README.md"
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}{gallery()}{END}{after}", encoding="utf-8")


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of file names; all notebooks for none")
    parser.add_argument("--small", action="store_true", help="at the small setting; nothing is stored")
    parser.add_argument("--gallery", action="store_true", help="only write the gallery anew")
    options = parser.parse_args()
    if options.gallery:
        return write_gallery()
    for path in find(options.names):
        notebook = execute(path, options.small)
        last = "".join(output.get("text", "") for output in notebook.cells[-1].get("outputs", ())).strip()
        print(f"{path.stem}: {notebook.metadata['autonet']['seconds']} s: {last}", flush=True)
        if not options.small:
            store(path, notebook)
    if not options.small:
        write_gallery()


if __name__ == "__main__":
    main()
