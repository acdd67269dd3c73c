"""Sends messages, and notes of each what became of it: `python -m tests.chaos.producer …`."""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from dramatiq.errors import ConnectionClosed

from shared.broker import RedisStreamsBroker
from tests.chaos import journal
from tests.chaos.journal import Journal
from tests.chaos.messages import letter, message_id, poison_numbers

AWAY_PAUSE_S = 0.1


def main(url: str, path: str, numbers: list[int], pause_s: float) -> None:
    """Send the messages from `first` to `count`, with pauses. Killed, it is to go on from there.

    `numbers`: seed, producer, first, count, and how many of them are poison.
    """
    seed, producer, first, count, poison = numbers
    notes = Journal(Path(path))
    broker = RedisStreamsBroker(url=url, middleware=[])
    poisonous = poison_numbers(count, poison)
    for number in range(first, count):
        its_id = message_id(producer, number)
        sent = letter(seed, producer, number, poison=number in poisonous)
        notes.note(journal.SENDING, its_id)
        try:
            broker.enqueue(sent.message, delay=sent.delay_ms)
        except ConnectionClosed:
            notes.note(journal.UNKNOWN, its_id)
            time.sleep(AWAY_PAUSE_S)
        else:
            notes.note(journal.ACCEPTED, its_id)
        time.sleep(pause_s)
    broker.close()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main(sys.argv[1], sys.argv[2], [int(each) for each in sys.argv[3:8]], float(sys.argv[8]))
