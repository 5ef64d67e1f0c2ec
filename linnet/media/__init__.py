"""Bytes of pictures: what they are, how they are made safe and small, and under which names they are kept."""
