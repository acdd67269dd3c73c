"""Turns the bytes of a photo into pixels, in a process that can be killed."""
