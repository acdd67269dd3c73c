"""The failpoints: every step between two effects at which a service can be made to die.

A seam is a function of the product that has one effect; a point is the moment before or after
it. `python -m tests.chaos.failing` wraps it from outside: the product knows nothing of this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True)
class Seam:
    """A function `module:Class.name`, and at which side of it the process dies."""

    side: str
    place: str


POINTS: Final[dict[str, dict[str, Seam]]] = {
    "gateway": {
        "before_blob": Seam(BEFORE, "shared.blobs.store:BlobStore.put"),
        "after_blob": Seam(AFTER, "shared.blobs.store:BlobStore.put"),
        "before_submit": Seam(BEFORE, "shared.photos:Photos.submit"),
        "after_submit": Seam(AFTER, "shared.photos:Photos.submit"),
        "before_discard": Seam(BEFORE, "services.gateway.uploads:Uploads._discard"),
        "after_retag": Seam(AFTER, "shared.photos:Photos.retag"),
        "after_cancel": Seam(AFTER, "shared.jobs:Jobs.cancel"),
        "after_delete": Seam(AFTER, "shared.photos:Photos.delete"),
        "after_edit": Seam(AFTER, "shared.tags:Tags.edit"),
        "after_watch": Seam(AFTER, "shared.photos:Photos.watch"),
    },
    "tagger": {
        "after_fetch": Seam(BEFORE, "shared.broker.intake:Intake.take"),
        "after_taking": Seam(AFTER, "shared.broker.intake:Intake.take"),
        "before_claim": Seam(BEFORE, "shared.attempts:Attempts.claim"),
        "after_claim": Seam(AFTER, "shared.attempts:Attempts.claim"),
        "before_step": Seam(BEFORE, "shared.attempts:Attempts.step"),
        "after_step": Seam(AFTER, "shared.attempts:Attempts.step"),
        "after_reading": Seam(AFTER, "shared.blobs.store:BlobStore.get"),
        "after_decoding": Seam(AFTER, "shared.decoding.decoder:Decoder.read"),
        "before_turn": Seam(BEFORE, "services.tagger.shared_gate:SharedGate._wait"),
        "after_turn": Seam(AFTER, "services.tagger.shared_gate:SharedGate._wait"),
        "before_leaving_gate": Seam(BEFORE, "services.tagger.shared_gate:SharedGate._leave"),
        "after_answer": Seam(AFTER, "services.tagger.providers.openai:OpenAIProvider.recognize"),
        "after_keeping_answer": Seam(AFTER, "services.tagger.cache:Cache._end"),
        "after_naming_tags": Seam(AFTER, "shared.tags:Tags.name"),
        "before_finish": Seam(BEFORE, "shared.attempts:Attempts.finish"),
        "after_finish": Seam(AFTER, "shared.attempts:Attempts.finish"),
        "before_retry": Seam(BEFORE, "shared.attempts:Attempts.retry"),
        "after_retry": Seam(AFTER, "shared.attempts:Attempts.retry"),
        "before_ack": Seam(BEFORE, "shared.broker.settling:Settling.ack"),
        "before_hand_back": Seam(BEFORE, "shared.broker.settling:Settling.hand_back_entries"),
        "after_hand_back": Seam(AFTER, "shared.broker.settling:Settling.hand_back_entries"),
        "before_renewal": Seam(BEFORE, "shared.broker.leases:LeaseKeeper.renew"),
        "after_renewal": Seam(AFTER, "shared.broker.leases:LeaseKeeper.renew"),
        "after_sweep": Seam(AFTER, "shared.broker.leases:LeaseKeeper.sweep"),
    },
    "notifier": {
        "after_read": Seam(BEFORE, "services.notifier.tailer:Tailer._hand_out"),
        "before_send": Seam(BEFORE, "services.notifier.session:Session.send"),
        "after_send": Seam(AFTER, "services.notifier.session:Session.send"),
        "after_finding_end": Seam(AFTER, "shared.progress:Lanes.end"),
        "after_takeover": Seam(AFTER, "shared.progress:Lanes.claim"),
        "after_page": Seam(AFTER, "shared.progress:Lanes.page"),
        "before_going_live": Seam(BEFORE, "services.notifier.session:Session.go_live"),
        "before_presence": Seam(BEFORE, "shared.presence:Presence.report"),
        "after_presence": Seam(AFTER, "shared.presence:Presence.report"),
    },
}
"""By service and name. Where a function has two effects, it is split into two seams."""
