"""Write the frames of this folder, each with its meaning as JSON, by the table of ARCHITECTURE.md and without Convlens.

`python tests/golden/wire/write.py`. Tests of the server and of the page read the files.
"""

import json
import struct
from pathlib import Path

FORMATS = {"float32": "f", "uint8": "B", "int64": "q"}

FRAMES = {
    "every-dtype": (
        {"what": "image", "net": "lenet"},
        {
            "image": ("uint8", [1, 2, 3], [0, 1, 2, 253, 254, 255]),
            "activation/input": ("float32", [1, 1, 1, 2], [-0.5, 0.10000000149011612]),
            "positions": ("int64", [2], [-1, 9007199254740991]),
            "one": ("float32", [], [3.4028234663852886e38]),
        },
    ),
    "net": (
        {
            "what": "net",
            "net": "tiny",
            "version": 2,
            "calls": [
                {
                    "name": "scores",
                    "module": "scores",
                    "operator": "aten.addmm.default",
                    "output": "activation/scores",
                    "form": {
                        "kind": "weighted_sum",
                        "input": "activation/input",
                        "weight": "weight/scores.weight",
                        "bias": "weight/scores.bias",
                        "groups": 1,
                        "kernel": [],
                        "stride": [],
                        "padding": [],
                        "dilation": [],
                        "divisor": None,
                    },
                    "reason": None,
                }
            ],
        },
        {
            "weight/scores.weight": ("float32", [2, 3], [1.0, -1.5, 2.0, 0.25, 0.0, -0.125]),
            "weight/scores.bias": ("float32", [2], [0.5, -0.5]),
        },
    ),
    "words-beyond-ascii": (
        {"what": "image", "net": "Bäume, 木 and 🌳"},
        {"image": ("uint8", [1, 1, 1], [7])},
    ),
}


def frame(fields: dict, tensors: dict) -> bytes:
    """Pack one message."""
    places, numbers = {}, b""
    for key, (dtype, shape, values) in tensors.items():
        places[key] = {"dtype": dtype, "shape": shape, "offset": len(numbers)}
        numbers += struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)
        numbers += b"\0" * (-len(numbers) % 8)
    header = json.dumps({**fields, "tensors": places}, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-(4 + len(header)) % 8)
    return struct.pack("<I", len(header)) + header + numbers


def main() -> None:
    """Write every frame and its meaning."""
    folder = Path(__file__).parent
    for name, (fields, tensors) in FRAMES.items():
        (folder / f"{name}.bin").write_bytes(frame(fields, tensors))
        described = {
            key: {"dtype": dtype, "shape": shape, "values": values} for key, (dtype, shape, values) in tensors.items()
        }
        meaning = {"header": fields, "tensors": described}
        (folder / f"{name}.json").write_text(json.dumps(meaning, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
