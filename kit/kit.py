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
BUDGETS = {"check": 120, "kernels": 120, "model": 240, "peer": 120, "node": 60, "browser": 120}


def say(stage, **what):
    """A line of result: JSON on stdout, and in $OUT."""
    line = json.dumps({"stage": stage, **what})
    print(line, flush=True)
    if os.environ.get("OUT"):
        with open(Path(os.environ["OUT"]) / f"{stage}.jsonl", "a") as file:
            file.write(line + "\n")


def take(folder):
    """Keeps a piece's parts of archives; unpacks each archive that is whole now."""
    kept = KIT / "pieces"
    kept.mkdir(parents=True, exist_ok=True)
    for name in ("run.sh", "kit.py"):
        if (folder / name).resolve() != (KIT / name).resolve():
            shutil.copy(folder / name, KIT)
    for part in json.loads((folder / "piece.json").read_text()):
        archive = kept / part["archive"]
        with open(archive, "r+b" if archive.exists() else "w+b") as file:
            file.seek(part["at"])
            file.write((folder / part["file"]).read_bytes())
        have = sum(record(archive, part, folder).values())
        if have < part["bytes"]:
            say("take", archive=part["archive"], missing=part["bytes"] - have)
            continue
        unpack(archive, part["sha256"])


def record(archive, part, folder):
    """Notes which ranges of an archive are there."""
    notes = archive.with_suffix(".json")
    ranges = json.loads(notes.read_text()) if notes.exists() else {}
    ranges[str(part["at"])] = (folder / part["file"]).stat().st_size
    notes.write_text(json.dumps(ranges))
    return ranges


def unpack(archive, sha256):
    """Unpacks a whole archive into $KIT, if it is what was sent."""
    with open(archive, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest == sha256:
        with tarfile.open(archive) as content:
            # Owners and modes as they were packed, which newer versions of Python must be told.
            content.extraction_filter = lambda member, _: member
            content.extractall(KIT)
    archive.unlink()
    archive.with_suffix(".json").unlink()
    if digest != sha256:
        sys.exit(f"{archive.name} has another sha256 than it should: carry its pieces again")
    say("take", archive=archive.name, unpacked=True)


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
        places = ("/etc", "/usr/share", "/usr/local/share", "/usr/local/nvidia/share")
        found = [path for place in places for path in sorted(glob.glob(f"{place}/vulkan/icd.d/nvidia*.json"))]
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
            # A program says at once what is wrong, or last; what lies between is how it came about.
            error = err.strip() or out.strip()
            ended["error"] = error if len(error) <= 3000 else f"{error[:1000]} … {error[-2000:]}"
        say(self.name, **ended)
        return out


def _text(output):
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def check():
    """The adapter, every op against the CPU, and the goldens with every variant of the kernels."""
    stage = Stage("check")
    stage.run("nvidia-smi", "nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader", lines=False)
    stage.run("adapter", KIT / "bin/adapter")
    for program in ("gpu_ops", "gpu_attention", "gpu_linear", "gpu_sampler", "gpu_model"):
        # Compilers for the CPU take seconds for a GEMM: a rehearsal is content with those that have a bias, and small ones.
        few = {"gpu_attention": ["--skip", "projections"], "gpu_linear": ["linear_with_bias"]}
        some = few.get(program, []) if REHEARSAL else []
        threads = f"--test-threads={2 if REHEARSAL else 8}"
        out = stage.run(program, KIT / "bin" / program, "--nocapture", threads, *some, lines=False)
        for line in out.splitlines():
            if "KL" in line or line.startswith("test "):
                say("check", program=program, line=line.strip())


def kernels():
    """GB/s and GFLOP/s by type and shape, beside what the card can do at most."""
    stage = Stage("kernels")
    sizes = ["--reps", "1"] if REHEARSAL else ["--reps", "2", "--rows", "1,4,16,512"]
    for types in ("Q4_K,Q6_K,Q8_0,F16,Q4_1", "Q5_K,Q4_0,Q3_K,Q2_K,IQ4_XS,Q5_0,Q5_1,IQ4_NL,BF16,F32"):
        stage.run(types, KIT / "bin/kernels", "--backend", "webgpu", "--types", types, *sizes)


def synthetic(stage, shape):
    """A model of random weights in a published shape, written once."""
    path = KIT / "models" / f"synthetic-{shape}-q4_k_m.gguf"
    if not path.exists():
        stage.run(f"synth {shape}", KIT / "bin/synth", shape, "q4_k_m", path, *(["2"] if REHEARSAL else []), lines=False)
    return path


SHAPES = ["llama-3.2-1b"] if REHEARSAL else ["llama-3.2-1b", "llama-3.1-8b"]


def model():
    """Prefill, decode alone and several at once, and where a step's time goes."""
    stage = Stage("model")
    lengths = ["--prompt", "64", "--decode", "4", "--batch", "1"] if REHEARSAL else [
        "--prompt", "512,2048", "--decode", "128", "--batch", "1,4,16",
    ]  # fmt: skip
    steps = ["--rows", "1", "--times", "1"] if REHEARSAL else ["--rows", "1,16,512"]
    default = next((KIT / "models").glob("SmolLM2*.gguf"), None)
    models = [default] if default else []
    for path in [*models, *(synthetic(stage, shape) for shape in SHAPES)]:
        stage.run(path.stem, KIT / "bin/model", "--backend", "webgpu", "--model", path, "--reps", "2", *lengths)
        stage.run(f"{path.stem}, profile", KIT / "bin/profile", "--model", path, *steps)


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


def browser():
    """The demo page's verdict, and a model's speed, in headless Chromium on the card; wllama's WebGPU on the same file."""
    stage = Stage("browser")
    home = KIT / "browser"
    (home / "chromium.sh").chmod(0o755)
    env = {
        "CHROME": str(home / "chromium.sh"),
        "LUNETTE_ADAPTER": "swiftshader" if REHEARSAL else "default",
        # What Chromium itself prints, for the line of a failure.
        "DEBUG": "pw:browser",
        "LUNETTE_INSTALLED": str(KIT / "node/node_modules/lunette"),
        "LUNETTE_MODEL": str(next((KIT / "models").glob("SmolLM2*.gguf"))),
    }
    lengths = ["--prompt", "64", "--decode", "4"] if REHEARSAL else ["--prompt", "512", "--decode", "128"]
    scripts = {
        "demo page": ["tests/browser/demo.mjs", "webgpu"],
        "lunette": ["benches/browser/model.mjs", "--backend", "webgpu", "--reps", "1", "--batch", "1,4", *lengths],
        "wllama": ["benches/peers/peer.mjs", "wllama", "--webgpu", *lengths],
    }
    for label, (script, *arguments) in scripts.items():
        stage.run(label, KIT / "node/bin/node", home / script, *arguments, env=env)


STAGES = {"check": check, "kernels": kernels, "model": model, "peer": peer, "node": node, "browser": browser}


def main():
    match sys.argv[1:]:
        case ["take", folder]:
            take(Path(folder))
        case [name] if name in STAGES:
            STAGES[name]()
        case _:
            sys.exit(f"usage: run.sh take FOLDER | run.sh {'|'.join(STAGES)}")


main()
