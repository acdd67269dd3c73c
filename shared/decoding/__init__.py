"""Turns the bytes of a photo into pixels or a thumbnail, in a process that can be killed."""
