"""The GPU kit, on the machine with the card: takes its pieces, and runs its stages. Python's standard library alone."""

import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

KIT = Path(os.environ["KIT"])
HERE = Path(__file__).resolve().parent
# A software adapter takes its time: smaller shapes, and more of it.
REHEARSAL = os.environ.get("KIT_REHEARSAL") == "1"
# Seconds of a stage, all of its programs together.
BUDGETS = {"check": 120, "kernels": 120, "model": 240, "peer": 120, "node": 60}


def say(stage, **what):
    """A line of result: JSON on stdout, and in $OUT."""
    line = json.dumps({"stage": stage, **what})
    print(line, flush=True)
    if os.environ.get("OUT"):
        with open(Path(os.environ["OUT"]) / f"{stage}.jsonl", "a") as file:
            file.write(line + "\n")


def take(folder):
    """Keeps a piece; unpacks the archive that it completes."""
    piece = json.loads((folder / "piece.json").read_text())
    kept = KIT / "pieces"
    kept.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / piece["file"], kept)
    for name in ("run.sh", "kit.py"):
        if (folder / name).resolve() != (KIT / name).resolve():
            shutil.copy(folder / name, KIT)
    parts = [kept / f"{piece['archive']}.{i:03}" for i in range(piece["parts"])]
    missing = [part.name for part in parts if not part.exists()]
    if missing:
        say("take", archive=piece["archive"], missing=len(missing))
        return
    whole = kept / piece["archive"]
    digest = hashlib.sha256()
    with open(whole, "wb") as out:
        for part in parts:
            data = part.read_bytes()
            digest.update(data)
            out.write(data)
            part.unlink()
    if digest.hexdigest() != piece["sha256"]:
        whole.unlink()
        sys.exit(f"{piece['archive']} has another sha256 than it should: carry its pieces again")
    with tarfile.open(whole) as archive:
        archive.extractall(KIT)
    whole.unlink()
    say("take", archive=piece["archive"], unpacked=True)


def environment():
    """What the programs need: the Vulkan loader, and the driver that it is to take."""
    env = dict(os.environ)
    loader = KIT / "loader"
    if not loader.exists():
        for deb in sorted(glob.glob(str(KIT / "debs/*.deb"))):
            subprocess.run(["dpkg-deb", "-x", deb, str(loader)], check=True)
    libraries = [str(path) for path in loader.glob("usr/lib/*-linux-gnu")]
    env["LD_LIBRARY_PATH"] = ":".join([*libraries, env.get("LD_LIBRARY_PATH", "")]).strip(":")
    if "VK_ICD_FILENAMES" not in env:
        places = ("/etc/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d")
        found = [path for place in places for path in sorted(glob.glob(f"{place}/nvidia*.json"))]
        if not found:
            # A container may have the driver's libraries and no manifest.
            manifest = KIT / "nvidia_icd.json"
            icd = {"library_path": "libGLX_nvidia.so.0", "api_version": "1.3.0"}
            manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": icd}))
            found = [str(manifest)]
        env["VK_ICD_FILENAMES"] = env["VK_DRIVER_FILES"] = found[0]
    env["LUNETTE_ROOT"] = str(KIT)
    env.setdefault("XDG_RUNTIME_DIR", "/tmp")
    return env


class Stage:
    """Runs programs one after the other within the stage's time."""

    def __init__(self, name):
        self.name = name
        self.end = time.monotonic() + BUDGETS[name] * (10 if REHEARSAL else 1)
        self.env = environment()

    def run(self, label, *command, env=None, lines=True, cwd=None):
        """Prints each line of JSON that a program prints, or how it ended; a program that fails stops no other."""
        left = self.end - time.monotonic()
        if left < 2:
            say(self.name, program=label, reached=False)
            return ""
        start = time.monotonic()
        try:
            done = subprocess.run(
                [str(part) for part in command], env={**self.env, **(env or {})}, cwd=cwd, timeout=left,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            out, err, code = done.stdout, done.stderr, done.returncode
        except subprocess.TimeoutExpired as late:
            out, err, code = _text(late.stdout), _text(late.stderr), "out of time"
        except OSError as failure:
            out, err, code = "", str(failure), "not started"
        for line in out.splitlines() if lines else ():
            if line.startswith("{"):
                say(self.name, program=label, **json.loads(line))
        ended = {"program": label, "code": code, "seconds": round(time.monotonic() - start, 1)}
        if code != 0:
            ended["error"] = (err.strip() or out.strip())[-2000:]
        say(self.name, **ended)
        return out


def _text(output):
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def check():
    """The adapter, every op against the CPU, and the goldens with every variant of the kernels."""
    stage = Stage("check")
    stage.run("nvidia-smi", "nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader", lines=False)
    stage.run("adapter", KIT / "bin/adapter")
    for program in ("gpu_ops", "gpu_readout", "gpu_model"):
        out = stage.run(program, KIT / "bin" / program, "--nocapture", "--test-threads=1", lines=False)
        for line in out.splitlines():
            if "KL" in line or line.startswith("test "):
                say("check", program=program, line=line.strip())


def kernels():
    """GB/s and GFLOP/s by type and shape, beside what the card can do at most."""
    Stage("kernels").run("kernels", KIT / "bin/kernels", "--backend", "webgpu", "--reps", "3" if not REHEARSAL else "1")


def synthetic(stage, shape):
    """A model of random weights in a published shape, written once."""
    path = KIT / "models" / f"synthetic-{shape}-q4_k_m.gguf"
    if not path.exists():
        stage.run(f"synth {shape}", KIT / "bin/synth", shape, "q4_k_m", path, *(["2"] if REHEARSAL else []), lines=False)
    return path


SHAPES = ["llama-3.2-1b"] if REHEARSAL else ["llama-3.2-1b", "llama-3.1-8b"]


def model():
    """Prefill, and decode alone and several at once."""
    stage = Stage("model")
    lengths = ["--prompt", "64", "--decode", "4", "--batch", "1"] if REHEARSAL else [
        "--prompt", "512,2048", "--decode", "128", "--batch", "1,4,16",
    ]  # fmt: skip
    default = next((KIT / "models").glob("SmolLM2*.gguf"), None)
    models = [default] if default else []
    for path in [*models, *(synthetic(stage, shape) for shape in SHAPES)]:
        stage.run(path.stem, KIT / "bin/model", "--backend", "webgpu", "--model", path, "--reps", "1", *lengths)


def cuda_libraries():
    """cuBLAS and the CUDA runtime, as PyTorch's wheels bring them, and as a toolkit has them."""
    places = [f"{path}/nvidia/*/lib" for path in sys.path if path] + ["/usr/local/cuda/lib64", "/usr/local/cuda/lib"]
    return [found for place in places for found in sorted(glob.glob(place))]


def peer():
    """llama.cpp on the same files, by CUDA and by Vulkan."""
    stage = Stage("peer")
    prompt, decode = ("64", "4") if REHEARSAL else ("512", "128")
    for path in sorted((KIT / "models").glob("*.gguf")):
        for kind in ("cuda", "vulkan"):
            libraries = KIT / "llama" / kind
            paths = [libraries, *cuda_libraries(), stage.env["LD_LIBRARY_PATH"]]
            env = {"LLAMA_LIBS": str(libraries), "LD_LIBRARY_PATH": ":".join(map(str, paths))}
            command = [KIT / "bin" / f"native.{kind}", path, "4", prompt, decode, "999"]
            stage.run(f"llama.cpp {kind}, {path.stem}", *command, env=env)


def node():
    """The packed package in Node, on Dawn: golden logits, a verdict, tokens a second."""
    stage = Stage("node")
    stage.run("node", KIT / "node/bin/node", KIT / "node/kit.mjs", env={"LUNETTE_CACHE": str(KIT / "node/cache")})


STAGES = {"check": check, "kernels": kernels, "model": model, "peer": peer, "node": node}


def main():
    match sys.argv[1:]:
        case ["take", folder]:
            take(Path(folder))
        case [name] if name in STAGES:
            STAGES[name]()
        case _:
            sys.exit(f"usage: run.sh take FOLDER | run.sh {'|'.join(STAGES)}")


main()
