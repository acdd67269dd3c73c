"""Photographs as cameras and phones write them: with all that they say of when and where."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final

from PIL import ExifTags, Image

PARIS: Final = {"latitude": 48.85837, "longitude": 2.29448}
PLACE: Final[dict[int, Any]] = {
    ExifTags.GPS.GPSLatitudeRef: "N",
    ExifTags.GPS.GPSLatitude: (48.0, 51.0, 30.132),
    ExifTags.GPS.GPSLongitudeRef: "E",
    ExifTags.GPS.GPSLongitude: (2.0, 17.0, 40.128),
}
TIMES: Final[dict[int, Any]] = {
    ExifTags.Base.DateTimeOriginal: "2024:05:01 14:30:05",
    ExifTags.Base.OffsetTimeOriginal: "+02:00",
}
CAMERA: Final[dict[int, Any]] = {ExifTags.Base.Make: "Canon", ExifTags.Base.Model: "Canon EOS 5D"}

SECRET: Final = "12-rue-Secrete"
"""What the hidden parts of `revealing` say, besides the place."""

_XMP: Final = f"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF \
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:exif="http://ns.adobe.com/exif/1.0/">\
<rdf:Description exif:GPSLatitude="48,51.5022N" exif:GPSLongitude="2,17.6688E" \
exif:UserComment="{SECRET}"/></rdf:RDF></x:xmpmeta>"""


def exif(
    *,
    tags: Mapping[int, Any] = CAMERA,
    times: Mapping[int, Any] = TIMES,
    place: Mapping[int, Any] = PLACE,
) -> Image.Exif:
    """Return EXIF that says all of it."""
    made = Image.Exif()
    for tag, value in tags.items():
        made[tag] = value
    made.get_ifd(ExifTags.IFD.Exif).update(times)
    made.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    return made


def revealing(picture: Image.Image) -> bytes:
    """Return a JPEG that tells the place in its EXIF and XMP, and a secret in IPTC and comment."""
    file = io.BytesIO()
    told = exif(tags={**CAMERA, ExifTags.Base.ImageDescription: SECRET})
    picture.save(file, "JPEG", exif=told, xmp=_XMP.encode(), comment=SECRET.encode())
    data = file.getvalue()
    caption = b"\x1c\x02\x78" + len(SECRET).to_bytes(2, "big") + SECRET.encode()
    resource = b"8BIM\x04\x04\0\0" + len(caption).to_bytes(4, "big") + caption
    iptc = b"Photoshop 3.0\0" + resource + b"\0" * (len(resource) % 2)
    return data[:2] + b"\xff\xed" + (len(iptc) + 2).to_bytes(2, "big") + iptc + data[2:]
