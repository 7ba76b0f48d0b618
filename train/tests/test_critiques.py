"""Which critiques are chosen, rejected and dropped."""

from collections import Counter

from lunette_train.critiques import add, copied, readings, unfit
from lunette_train.judge import critique_pairs
from lunette_train.row import Row

GOOD = "The first response answers what was asked, and the second one talks about something else entirely."


def pair():
    return Row(
        id="x/1", source="x", license="", group="x", task="compare", input="?", responseA="Moon.", responseB="Sun.",
        labels={"a": 1.0, "b": 0.0}, criteria="Which is better?",
    )  # fmt: skip


def verdict(*votes):
    return {"orders": [{"winner": "a", "reliability": {"readings": [{"critique": c, "vote": v} for c, v in votes]}}]}


def test_peoples_verdict_chooses():
    row, dropped = pair(), Counter()
    add(row, verdict((GOOD, "A"), (GOOD.replace("first", "other"), "B"), (GOOD, "A"), ("Short.", "A")), "me", dropped)
    assert [(critique.label, critique.chosen) for critique in row.critiques] == [("a", True), ("b", False)]
    assert dropped == {"same": 1, "length": 1}
    [(_, chosen, rejected)] = critique_pairs([row], seed=1)
    assert chosen.startswith("**Reasoning:** The first") and chosen.endswith("\n\n**Result:** A")
    assert rejected.endswith("\n\n**Result:** B")


def test_a_single_reading_has_its_vote_in_the_verdict():
    assert readings("score", {"score": 4, "critique": "Fine.", "distribution": {}}) == [("Fine.", "4")]
    assert readings("compare", {"orders": [{"winner": "b", "critique": "Fine."}]}) == [("Fine.", "b")]


def test_what_is_dropped():
    row = pair()
    assert unfit(GOOD, row) is None
    assert unfit(f"{GOOD} Result: A is better.", row) == "verdict within"
    assert unfit(f"{GOOD} {GOOD}", row) == "repetition"
    spanish = (
        "La primera respuesta es mejor porque contesta a la pregunta que se le ha hecho, mientras que la segunda habla de "
        "otra cosa y además contiene errores."
    )
    assert unfit(spanish, row) == "language"
    words = [f"w{n}" for n in range(30)]
    assert copied(words, " ".join(words)) and not copied(words[:20], " ".join(words))
