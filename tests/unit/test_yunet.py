from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from services.tagger.providers import yunet
from services.tagger.providers.runtime import onnxruntime
from shared.decoding.picture import Picture

PHOTOS = Path(__file__).parents[1] / "photos"


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(yunet.read_model(), providers=["CPUExecutionProvider"])


def picture(image: Image.Image) -> Picture:
    return Picture(image.width, image.height, image.tobytes())


def photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / name) as image:
        return image.convert("RGB")


def look(session: onnxruntime.InferenceSession, image: Image.Image) -> tuple[yunet.Face, ...]:
    outputs = session.run(yunet.OUTPUTS, {"input": yunet.prepare(picture(image))})
    return yunet.faces(dict(zip(yunet.OUTPUTS, outputs, strict=True)))


def answer(*, cells: dict[int, tuple[float, float]]) -> dict[str, npt.NDArray[np.float32]]:
    """What the model says that sees faces at `cells` of its 8 pixel grid: how sure, how wide."""
    outputs: dict[str, npt.NDArray[np.float32]] = {}
    for px in (8, 16, 32):
        count = (yunet.SIDE_PX // px) ** 2
        outputs |= {f"{what}_{px}": np.zeros((1, count, 1), np.float32) for what in ("cls", "obj")}
        outputs[f"bbox_{px}"] = np.zeros((1, count, 4), np.float32)
    for cell, (sure, width) in cells.items():
        outputs["cls_8"][0, cell] = outputs["obj_8"][0, cell] = sure
        outputs["bbox_8"][0, cell, 2:] = np.log(width)
    return outputs


def test_a_face_is_found_where_it_is(session: onnxruntime.InferenceSession) -> None:
    (face,) = look(session, photo("person.jpg"))

    assert 0.9 < face.confidence <= 1
    assert 0.3 < face.left < face.left + face.width < 0.6  # she looks at us from above the middle
    assert 0.1 < face.top < face.top + face.height < 0.4


def test_each_of_several_faces_is_found_once(session: onnxruntime.InferenceSession) -> None:
    one = photo("person.jpg")
    three = Image.new("RGB", (one.width * 3, one.height))
    for index in range(3):
        three.paste(one, (index * one.width, 0))

    faces = look(session, three)

    assert sorted(int(face.left * 3) for face in faces) == [0, 1, 2]


@pytest.mark.parametrize("name", ["cat.jpg", "china.jpg", "coffee.jpg", "flower.jpg", "rocket.jpg"])
def test_no_face_is_seen_where_none_is(session: onnxruntime.InferenceSession, name: str) -> None:
    assert look(session, photo(name)) == ()


def test_frames_of_one_face_are_one_face_the_surest_and_others_stay_apart() -> None:
    faces = yunet.faces(answer(cells={0: (0.85, 4.0), 1: (0.95, 4.0), 30: (0.9, 4.0)}))

    assert [round(face.confidence, 2) for face in faces] == [0.95, 0.9]


def test_a_face_that_is_not_sure_is_none() -> None:
    assert yunet.faces(answer(cells={0: (0.79, 4.0)})) == ()
    assert len(yunet.faces(answer(cells={0: (0.81, 4.0)}))) == 1


def test_all_of_a_wide_picture_is_shown_to_the_model_upright_and_blue_first() -> None:
    shown = yunet.prepare(picture(Image.new("RGB", (640, 320), (200, 100, 50))))

    assert shown.shape == (1, 3, 320, 320)
    assert shown[0, :, 0, 0].tolist() == [50, 100, 200]
    assert shown[0, :, 159, 319].tolist() == [50, 100, 200]
    assert shown[0, :, 160:].max() == 0


def test_a_model_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    changed = tmp_path / "yunet.onnx"
    changed.write_bytes(yunet.MODEL.read_bytes()[:-1] + b"\0")

    with pytest.raises(RuntimeError, match=r"yunet\.onnx has the sha256"):
        yunet.read_model(changed)
    with pytest.raises(RuntimeError, match="cannot be read"):
        yunet.read_model(tmp_path / "absent.onnx")
