import numpy as np

from ranking.sources.seeded_hash import hash_fractions


def test_fractions_look_uniform_and_do_not_depend_on_the_other_texts():
    texts = [f"user {number}" for number in range(9973)]
    fractions = hash_fractions(3, texts)
    assert fractions.min() >= 0 and fractions.max() < 1
    np.testing.assert_allclose(np.histogram(fractions, 10, (0, 1))[0] / 9973, 0.1, atol=0.015)
    np.testing.assert_array_equal(hash_fractions(3, texts[17:23]), fractions[17:23])


def test_a_seed_changes_every_fraction():
    texts = [str(number) for number in range(101)]
    first, second = hash_fractions(1, texts), hash_fractions(2, texts)
    assert not np.any(first == second) and abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_no_text_is_no_fraction():
    assert hash_fractions(0, []).shape == (0,)
