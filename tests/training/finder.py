"""Somebody else, who has a bundle, torch and torchvision: finds boxes in images, and prints them as JSON.

Takes the folder of a bundle and a file of images by numpy on the command line, and `onnx` where its ONNX is asked.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

bundle, source, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
about = json.loads((bundle / "model.json").read_text())
images = np.load(source)
found = []
if kind == "onnx":
    import onnxruntime

    session = onnxruntime.InferenceSession(str(bundle / about["onnx"]["file"]), providers=["CPUExecutionProvider"])
    for name in images.files:
        found.append(session.run(["boxes", "scores", "labels"], {"images": images[name]}))
else:
    import torchvision  # noqa: F401  # it holds the operator

    program = torch.export.load(bundle / about["program"]["file"]).module()
    for name in images.files:
        with torch.no_grad():
            found.append([each.numpy() for each in program(torch.from_numpy(images[name]))])
assert "genius" not in sys.modules
print(json.dumps([[each.tolist() for each in one] for one in found]))
