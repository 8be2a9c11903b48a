from __future__ import annotations

from l2l_core.images.decoded import DecodedBlocks


def test_a_block_is_decoded_once() -> None:
    blocks = DecodedBlocks(limit=100)
    calls = []

    def decode() -> tuple[str, int]:
        calls.append(1)
        return "pixels", 10

    assert [blocks.get("a", decode), blocks.get("a", decode)] == ["pixels", "pixels"]
    assert len(calls) == 1


def test_the_block_that_was_used_longest_ago_makes_room() -> None:
    blocks = DecodedBlocks(limit=100)
    decoded = []

    def get(key: int) -> None:
        blocks.get(key, lambda: (decoded.append(key), 25))

    for key in (0, 1, 2, 3, 0, 4, 0, 1):
        get(key)
    assert decoded == [0, 1, 2, 3, 4, 1]
    assert blocks.size <= 100


def test_a_large_block_is_not_kept() -> None:
    blocks = DecodedBlocks(limit=100)
    assert blocks.get("a", lambda: ("large", 101)) == "large"
    assert blocks.get("a", lambda: ("again", 101)) == "again"
    assert blocks.size == 0
