"""Judging what was heard against what was said."""

from __future__ import annotations

from rejoinder.agent.words import words

_NUMBERS = {"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six"} | {
    "7": "seven",
    "8": "eight",
    "9": "nine",
    "10": "ten",
}


def word_error_rate(said: str, heard: str) -> float:
    """Edits (insert, delete, replace) per word said; 0 is perfect. Case, punctuation and numerals do not count."""
    reference = [_NUMBERS.get(word, word) for word in words(said)]
    guess = [_NUMBERS.get(word, word) for word in words(heard)]
    if not reference:
        return float(bool(guess))
    row = list(range(len(guess) + 1))
    for index, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], index
        for column, found in enumerate(guess, 1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (expected != found)),
            )
    return row[-1] / len(reference)
