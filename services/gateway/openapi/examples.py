"""Examples of the main bodies, for people to read and pages to show; a test holds them valid."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.parts import Json

_PHOTO_ID: Final = 123
_JOB_ID: Final = "0b0e3f3e-6c2f-4a53-9c1e-6f5a3d9a7c11"
_BATCH_ID: Final = "5f7d1a52-9d0b-4b39-8a38-3f0f1c2f6c55"
_FILENAME: Final = "photo-01JDKZ3N4Y9T6V2W8R5Q7M1X0C.jpg"

_ACCEPTED: Final[Json] = {
    "id": _PHOTO_ID,
    "filename": _FILENAME,
    "tags": [],
    "processing": True,
    "jobId": _JOB_ID,
    "message": "Photo uploadée, analyse en cours...",
}

_PHOTO: Final[Json] = {
    "id": _PHOTO_ID,
    "filename": _FILENAME,
    "originalName": "vacances.jpg",
    "contentType": "image/jpeg",
    "size": 34306,
    "width": 451,
    "height": 300,
    "sha256": "0d4f2a0b7c1f9f6d7d1bbd1d0f0a6d2e5b8a4c3e9f7061524334251607f8e9da",
    "status": "complete",
    "processing": False,
    "stage": "done",
    "progress": 100,
    "tags": [
        {"id": 7, "name": "chat", "confidence": 0.92, "source": "ai"},
        {"id": 12, "name": "moustache", "confidence": None, "source": "user"},
    ],
    "caption": "Un chat roux regarde l'objectif.",
    "alt": "Un chat roux tigré, de face, les yeux verts tournés vers l'objectif.",
    "colors": ["#a06b3c", "#e8d9c5"],
    "takenAt": "2026-08-14T17:20:11+02:00",
    "camera": "Canon EOS 5D",
    "place": {"latitude": 48.85837, "longitude": 2.29448},
    "blurhash": "L8HT,5=DyZ-nE1x]Rj?HkY%MxYW=",
    "provider": "openai",
    "usage": {"promptTokens": 2946, "completionTokens": 97, "costUsd": 0.0005001},
    "extra": {"watermark": {"score": 0.93}},
    "jobId": _JOB_ID,
    "batchId": None,
    "error": None,
    "createdAt": "2026-11-25T18:13:04.120Z",
    "updatedAt": "2026-11-25T18:13:06.871Z",
    "url": f"/api/photos/{_PHOTO_ID}/file",
    "thumbnailUrl": f"/api/photos/{_PHOTO_ID}/thumbnail",
}

_JOB: Final[Json] = {
    "jobId": _JOB_ID,
    "photoId": _PHOTO_ID,
    "batchId": None,
    "queue": "tagging",
    "priority": "normal",
    "state": "delayed",
    "attempt": 1,
    "enqueuedAt": "2026-11-25T18:13:04.120Z",
    "startedAt": "2026-11-25T18:13:04.131Z",
    "endedAt": None,
    "dueAt": "2026-11-25T18:13:07.492Z",
    "error": {"code": "provider_unavailable", "message": "OpenAI API error"},
}

_ATTEMPT: Final[Json] = {
    "attempt": 1,
    "startedAt": "2026-11-25T18:13:04.131Z",
    "endedAt": "2026-11-25T18:13:05.492Z",
    "result": "retry",
    "error": _JOB["error"],
    "worker": "tagger-1:7",
    "provider": "openai",
    "cached": False,
    "providerCalls": 1,
    "usage": None,
    "stageMs": {"analyzing": 41.2, "ai": 1308.7},
    "waitedMs": 0.0,
}

EXAMPLES: Final[Json] = {
    "Accepted": _ACCEPTED,
    "AcceptedBatch": {
        "batchId": _BATCH_ID,
        "photos": [
            {**_ACCEPTED, "batchId": _BATCH_ID},
            {
                **_ACCEPTED,
                "id": 124,
                "filename": "photo-01JDKZ3N5AT0C9E7H1K3M5P7R9.jpg",
                "jobId": "7c1e0d5a-2b7e-4d0f-8a57-1f2c3b4d5e6f",
                "batchId": _BATCH_ID,
            },
        ],
        "message": "2 photos uploadées, analyse en cours...",
    },
    "Batch": {
        "batchId": _BATCH_ID,
        "total": 2,
        "complete": 1,
        "failed": 0,
        "cancelled": 0,
        "photos": [{**_PHOTO, "batchId": _BATCH_ID}],
    },
    "Job": _JOB,
    "JobDetails": {**_JOB, "traceId": _JOB_ID.replace("-", ""), "attempts": [_ATTEMPT]},
    "Photo": _PHOTO,
    "PhotoPage": {"items": [_PHOTO], "nextCursor": str(_PHOTO_ID)},
    "Problem": {
        "type": "urn:tagline:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such photo",
        "code": "not_found",
    },
    "Queue": {
        "name": "tagging",
        "waiting": {"front": 0, "high": 1, "normal": 12, "low": 340},
        "active": 8,
        "delayed": 2,
        "dead": 1,
        "deadDropped": 0,
        "workers": 1,
        "paused": False,
    },
    "RetagBody": {"priority": "high"},
    "SimilarList": {
        "items": [{"photo": {**_PHOTO, "id": 124}, "distance": 3}],
        "comparable": True,
        "truncated": False,
    },
    "Stage": {"id": "analyzing", "progress": 10, "label": "Analyse", "icon": "search"},
    "TagList": {"items": [{"id": 7, "name": "chat", "count": 12}]},
    "TagsBody": {"tags": ["chat", "moustache"]},
}
"""An example by the name of its schema."""
