"""Is the trail what it was when it was recorded, and where is it not?

Three things are compared in one pass over the lines, each against what the others cannot show:

- each line with the one before it: an edit, a swap, an insertion, a removal, at the line;
- the end with the head that is kept apart from the lines: a removal at the very end;
- the tree over the first n lines with every checkpoint of n lines: a trail that was rewritten so that it is sound in
  itself, between the last checkpoint that still fits and the first that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from engine.audit.chain import EMPTY, ChainBreak, ChainHead, ChainWalk
from engine.audit.checkpoint import Checkpoint
from engine.audit.merkle import EMPTY_TREE, CompactRange, leaf_hash

MOST_BREAKS: Final = 100
"""Breaks that are named; in a trail with more, every line is wrong and a longer list tells nobody anything."""


@dataclass(frozen=True, slots=True)
class TrailReport:
    """What was found in a trail."""

    size: int
    """Lines that were read."""
    tree: CompactRange
    """Over them."""
    covered: int
    """Lines that are as the largest fitting checkpoint says; whatever follows was signed by nobody."""
    breaks: tuple[ChainBreak, ...]
    """By position; at most `MOST_BREAKS`."""

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.breaks


def verify_trail(
    lines: Iterable[bytes],
    *,
    head: ChainHead = EMPTY,
    tree: CompactRange = EMPTY_TREE,
    checkpoints: Sequence[Checkpoint] = (),
) -> TrailReport:
    """Walk a trail and compare it with everything that is known of it.

    Args:
        lines: Unverified canonical lines, oldest first. They may have grown since the rest was known.
        head: Where the chain ended.
        tree: As it was kept while the lines were recorded.
        checkpoints: Whose signatures have been verified; of this trail.
    """
    walk = TrailWalk(head=head, tree=tree, checkpoints=checkpoints)
    breaks: list[ChainBreak] = []
    for found in filter(None, map(walk.step, lines)):
        if len(breaks) < MOST_BREAKS:
            breaks.append(found)
    breaks += walk.stop()
    breaks.sort(key=lambda found: found.position)
    return TrailReport(walk.tree.size, walk.tree, walk.covered, tuple(breaks[:MOST_BREAKS]))


class TrailWalk:
    """A trail that is verified line by line, for whoever does not read all of it at once.

    Args:
        head: Where the chain ended, as for `verify_trail`; likewise the rest.
        tree: As it was kept while the lines were recorded.
        checkpoints: Whose signatures have been verified; of this trail.
    """

    def __init__(
        self, *, head: ChainHead = EMPTY, tree: CompactRange = EMPTY_TREE, checkpoints: Sequence[Checkpoint] = ()
    ) -> None:
        self._chain = ChainWalk(head)
        self._watch = _Watch(checkpoints, tree)

    @property
    def tree(self) -> CompactRange:
        """Over the lines so far."""
        return self._watch.grown

    @property
    def covered(self) -> int:
        """Lines that are as the largest fitting checkpoint says, so far."""
        return self._watch.covered

    def step(self, line: bytes) -> ChainBreak | None:
        """Go on by one unverified line; the break there, if there is one."""
        self._watch.grow(line)
        return self._chain.step(line)

    def stop(self) -> list[ChainBreak]:
        """There are no more lines; what is wrong with the whole."""
        return [*filter(None, (self._chain.stop(),)), *self._watch.breaks()]


class _Watch:
    """Grows the tree while lines pass, and compares it where something is known of it."""

    def __init__(self, checkpoints: Sequence[Checkpoint], tree: CompactRange) -> None:
        self.grown = EMPTY_TREE
        self.covered = 0
        self._tree = tree
        self._signed: dict[int, set[bytes]] = {}
        for checkpoint in checkpoints:
            self._signed.setdefault(checkpoint.size, set()).add(checkpoint.root)
        self._differs_at: int | None = None
        self._tree_differs = False

    def grow(self, line: bytes) -> None:
        """A line passes."""
        self.grown = self.grown.append(leaf_hash(line))
        size = self.grown.size
        if size == self._tree.size:
            self._tree_differs = self.grown != self._tree
        if size in self._signed and self._differs_at is None:
            if self._signed[size] == {self.grown.root()}:
                self.covered = size
            else:
                self._differs_at = size

    def breaks(self) -> Iterator[ChainBreak]:
        """What the comparison has shown, once every line has passed."""
        if self._differs_at is not None:
            first, last = self.covered + 1, self._differs_at
            where = f"records {first} to {last} are" if first < last else f"record {last} is"
            yield ChainBreak(first, f"{where} not what was signed: altered since, though the chain may fit")
        elif self._tree_differs:
            yield ChainBreak(self.covered + 1, f"the records up to {self._tree.size} are not those that were made")
        longest = max(self._signed, default=0)
        if longest > self.grown.size:
            missing = longest - self.grown.size
            what = "record is" if missing == 1 else "records are"
            signed = f"a checkpoint of {longest} records was signed"
            yield ChainBreak(self.grown.size + 1, f"{missing} {what} missing at the end: {signed}")
