"""Upload a contestant to the Hugging Face Hub: its model, its model card and figures of the run, and nothing else.

The model of a prompt has examples, which are texts of the training data: a note counts them.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, constants
from huggingface_hub import errors as hub_errors

from bakeoff.errors import DamagedError, UserError
from bakeoff.methods.saved import classifier_path, kept_training_texts
from bakeoff.pretrained.names import PACKAGED_MODELS
from bakeoff.pretrained.pointer import pointed_base
from bakeoff.report.cost_plots import cost_plot
from bakeoff.report.loaded import load_run
from bakeoff.report.model_card import model_card
from bakeoff.report.plots import interval_plot, learning_curves
from bakeoff.runs import checksums
from bakeoff.runs.contestant_folder import ContestantFolder
from bakeoff.runs.folder import RunFolder
from bakeoff.runs.writing import write_text
from bakeoff.tasks.choosing import chosen_contestant
from bakeoff.tasks.export import export

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_TEXTS = (".json", ".md", ".txt", ".yaml")
_FIGURES = {
    "intervals": "The deciding metric of every contestant, with its interval",
    "cost": "The metric by training time",
    "loss": "Training and validation loss of this contestant",
    "accuracy": "Training and validation accuracy of this contestant",
    "micro-F1": "Validation micro-F1 of this contestant",
}


@dataclass(frozen=True)
class Upload:
    """Everything that is about to leave this machine, and where it goes."""

    repository: str  # USER/NAME
    url: str
    user: str
    exists: bool  # the repository is there already: files of the same name are replaced
    public: bool
    files: dict[str, Path]  # by their path in the repository
    stale: list[str]  # what an earlier upload has left in the repository and this one lacks: it is deleted
    notes: list[str]


def prepare_upload(
    run: RunFolder, repository: str, folder: Path, contestant: str | None = None, *, public: bool = False
) -> Upload:
    """Collect the files, and ask the hub who the user is and whether the repository exists. Uploads nothing.

    Args:
        repository: USER/NAME.
        folder: An empty folder for the files.
        contestant: Name in the run; the verdict's best if absent.

    Raises:
        UserError: there is no such contestant, it has nothing of its own, the user is not logged in, the hub cannot be
            reached, or the repository is public and `public` is not set.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise UserError(f"'{repository}' is no name of a repository on the hub.", "Type it as USER/NAME.")
    chosen = chosen_contestant(run, contestant)
    api = HfApi()
    with _explained(repository):
        user = api.whoami()["name"]
        there = _existing(api, repository)
        earlier = _earlier_upload(api, repository, there, folder / "earlier") if there is not None else set()
    is_public = there is not None and not there.private
    if is_public and not public:
        raise UserError(
            f"{repository} exists already and is public.", "Choose another name, or add --public if that is meant."
        )
    notes = _collect(run, chosen, repository, folder / "files")
    files = {path.relative_to(folder / "files").as_posix(): path for path in sorted((folder / "files").rglob("*"))}
    files = {name: path for name, path in files.items() if path.is_file()}
    if named := _machine_paths(files, run):
        notes.append(f"{', '.join(named)} name{'s' * (len(named) == 1)} folders of this machine.")
    if classifier_path(chosen.model).exists() and (texts := kept_training_texts(chosen.model)):
        notes.append(
            f"Warning: these files hold {texts:,} text{'s' * (texts != 1)} of your training data, with their labels. "
            "Whoever sees the repository can read them."
        )
    url = f"{constants.ENDPOINT}/{repository}"
    exists = there is not None
    stale = sorted(earlier - files.keys())
    return Upload(repository, url, user, exists, is_public if exists else public, files, stale, notes)


def upload(prepared: Upload, message: str) -> str:
    """Create the repository if needed, and upload everything in one commit; return the commit's address.

    Raises:
        UserError: the hub refuses, or cannot be reached.
    """
    api = HfApi()
    with _explained(prepared.repository):
        if not prepared.exists:
            api.create_repo(prepared.repository, private=not prepared.public)
        commit = api.create_commit(
            prepared.repository,
            [
                *(CommitOperationAdd(name, str(path)) for name, path in prepared.files.items()),
                *(CommitOperationDelete(name) for name in prepared.stale),
            ],
            commit_message=message,
        )
    return str(commit.commit_url)


def _existing(api: HfApi, repository: str) -> ModelInfo | None:
    """Return what the hub says of a repository, or None if there is none."""
    try:
        return api.model_info(repository)
    except hub_errors.RepositoryNotFoundError:
        return None


def _earlier_upload(api: HfApi, repository: str, there: ModelInfo, folder: Path) -> set[str]:
    """Return the files of a repository that an earlier upload has brought, by the checksums of its model.

    Beside another model they would be in the way: where an adapter is found, it is what is loaded.

    Args:
        folder: Where the checksums are put.
    """
    names = {sibling.rfilename for sibling in there.siblings or []}
    if checksums.MANIFEST not in names:
        return set()
    api.hf_hub_download(repository, checksums.MANIFEST, local_dir=folder)
    with suppress(DamagedError):  # it is another file of that name
        listed = {*(checksums.read_manifest(folder) or {}), *map(_figure_file, _FIGURES)}
        return {name for name in names if name in listed or Path(name).name == checksums.MANIFEST}
    return set()


def _collect(run: RunFolder, contestant: ContestantFolder, repository: str, folder: Path) -> list[str]:
    """Copy the files of a contestant; return notes."""
    model, notes = contestant.model, []
    adapter = model / "adapter_config.json"
    if (model / "base_model.json").exists() and not contestant.result().trainable_parameters:
        raise UserError(
            f"Contestant '{contestant.name}' has no weights of its own: nothing was trained.",
            "Choose one that was trained: --contestant NAME.",
        )
    if adapter.exists() and not _on_hub(adapter):
        export(run, folder, contestant.name, "merged")
        checksums.write_manifest(folder)  # by which the next upload knows these files
        notes.append("The adapter was merged into its model, because its base model is not one of the hub.")
    else:
        shutil.copytree(model, folder)
    if bases := _local_bases(folder):
        notes.append(f"Not uploaded, though nobody can load the model without it: {', '.join(bases)}.")
    card = model_card(contestant, run, folder)
    write_text(folder / "README.md", _with_repository(card, repository) + _figures(run, contestant, folder))
    return notes


def _on_hub(adapter: Path) -> bool:
    base = str(json.loads(adapter.read_text(encoding="utf-8")).get("base_model_name_or_path"))
    return not Path(base).exists() and not Path(base).is_absolute()


def _local_bases(folder: Path) -> list[str]:
    """Return the folders of this machine that base_model.json names, also those of an ensemble's members."""
    bases = {pointed_base(pointer.parent) for pointer in folder.rglob("base_model.json")}
    return sorted(base for base in bases if base and base not in PACKAGED_MODELS and Path(base).exists())


def _with_repository(card: str, repository: str) -> str:
    """Replace the folder in the card's code by the repository."""
    card = card.replace(
        'import bakeoff\n\nclassifier = bakeoff.load_classifier("path/to/this/folder")',
        "import bakeoff\nfrom huggingface_hub import snapshot_download\n\n"
        f'classifier = bakeoff.load_classifier(snapshot_download("{repository}"))',
    )
    return card.replace('"path/to/this/folder"', f'"{repository}"')


def _figures(run: RunFolder, contestant: ContestantFolder, folder: Path) -> str:
    """Write the figures, and return the part of the card that shows them."""
    loaded = load_run(run)
    (own,) = (each for each in loaded.contestants if each.name == contestant.name)
    curves = learning_curves(own)
    drawn = {"intervals": interval_plot(loaded), "cost": cost_plot(loaded, "training_seconds")}
    drawn |= dict(zip(("loss", *(line.measure for line in own.epochs[:1])), curves, strict=False))
    lines = ["", "## Figures", ""]
    for name, plot in drawn.items():
        if plot is not None:
            (folder / "figures").mkdir(exist_ok=True)
            file = _figure_file(name)
            (folder / file).write_bytes(plot.file("png"))
            lines += [f"![{_FIGURES[name]}]({file})", ""]
    return "\n".join(lines)


def _figure_file(name: str) -> str:
    return f"figures/{name.lower()}.png"


def _machine_paths(files: dict[str, Path], run: RunFolder) -> list[str]:
    """Return the text files in which a folder of this machine is named."""
    folders = {str(Path.home()), str(run.path.resolve().parent), str(Path.cwd())} - {"/"}
    return [
        name
        for name, path in files.items()
        if path.suffix in _TEXTS and any(folder in path.read_text(encoding="utf-8") for folder in folders)
    ]


@contextmanager
def _explained(repository: str) -> Iterator[None]:
    try:
        yield
    except hub_errors.LocalTokenNotFoundError:
        raise UserError(
            "You are not logged in to the hub.", "Type: hf auth login. Or set HF_TOKEN to a token with write access."
        ) from None
    except hub_errors.OfflineModeIsEnabled:
        raise UserError("The hub is switched off here (HF_HUB_OFFLINE).", "Unset HF_HUB_OFFLINE.") from None
    except (hub_errors.HfHubHTTPError, hub_errors.HFValidationError) as error:
        code = getattr(getattr(error, "response", None), "status_code", None)
        hint = "Type: hf auth login, with a token that has write access there." if code in (401, 403) else "Try again."
        raise UserError(f"The hub refuses {repository}: {str(error).splitlines()[0]}", hint) from None
    except Exception as error:  # the HTTP library's own classes, which huggingface_hub changes from version to version
        is_connection = type(error).__module__.startswith(("http", "requests"))
        if not is_connection and not isinstance(error, hub_errors.LocalEntryNotFoundError):
            raise
        raise UserError(f"The hub at {constants.ENDPOINT} cannot be reached.", "Check the connection.") from None
