"""Someone who was sent bundles, and has neither this package nor anything but `model.json` to go by.

Called with a JSON list of [bundle, image files or an .npz of images as the model takes them, whether to run ONNX];
prints the scores of each model.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

sys.modules["genius"] = None  # an import of it fails, wherever it is installed


def prepared(path, about):
    """Do what `preprocessing` says."""
    told = about["preprocessing"]
    image = ImageOps.exif_transpose(Image.open(path)).convert({"RGB": "RGB", "grey": "L"}[told["channels"]])
    side = round(told["crop"]["share"] * min(image.size))
    left, top = (image.width - side) // 2, (image.height - side) // 2
    assert (told["resize"]["interpolation"], told["resize"]["antialias"]) == ("bilinear", True)
    box = (left, top, left + side, top + side)
    resized = image.resize(told["resize"]["size"], Image.Resampling.BILINEAR, box=box)
    values = np.asarray(resized, np.float32) / told["scale"]["bytes_divided_by"]
    assert told["layout"] == "NCHW"
    return values.reshape(*values.shape[:2], -1).transpose(2, 0, 1)


def images_of(source, about):
    if isinstance(source, str):
        return np.load(source)["images"]
    return np.stack([prepared(path, about) for path in source])


def scores_of_program(folder, images):
    program = torch.export.load(folder / "model.pt2").module()
    with torch.no_grad():
        whole = program(torch.from_numpy(images))
        one = program(torch.from_numpy(images[:1]))
    assert torch.allclose(one, whole[:1], atol=1e-4)
    return whole.numpy()


def scores_of_onnx(folder, images, about):
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    for name in ("class_names", "preprocessing", "input", "architecture"):
        assert json.loads(said[name]) == about[name]
    assert said["contract"] == about["contract"]
    return session.run([about["output"]["name"]], {about["input"]["name"]: images})[0]


def main(tasks):
    torch.set_num_threads(1)
    found = []
    for name, source, onnx in tasks:
        folder = Path(name)
        about = json.loads((folder / "model.json").read_text())
        sample = np.load(folder / about["sample"]["file"])
        assert np.allclose(scores_of_program(folder, sample["images"]), sample["scores"], rtol=1e-3, atol=1e-4)
        images = images_of(source, about)
        scores = {"program": scores_of_program(folder, images).tolist()}
        if onnx:
            scores["onnx"] = scores_of_onnx(folder, images, about).tolist()
        found.append(scores)
    print(json.dumps(found))


if __name__ == "__main__":
    main(json.loads(sys.stdin.read()))
