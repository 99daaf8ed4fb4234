"""`keras_seqattn.data.pairs`."""

import hashlib
import zipfile

import numpy as np
import pytest

from keras_seqattn.data import pairs
from keras_seqattn.data.tokenizer import END, START, learn
from keras_seqattn.testing import check_error

LINES = [f"sentence {i}\tphrase {i}\tsomebody" for i in range(211)] + ["sentence 3\tautre phrase 3"]


def hundredth(text):
    return int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16) % 100


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    return path


def test_splits_are_those_of_the_hash_and_share_no_source(file):
    splits = {name: pairs.load(f"pairs:{file}", name) for name in pairs.SPLITS}
    assert sum(map(len, splits.values())) == len(LINES)
    for name, (first, last) in pairs.SPLITS.items():
        for source in splits[name].sources:
            assert first <= hundredth(source) < last
    assert len(splits["train"]) > 150 > len(splits["test"]) > 0


def test_references_are_grouped(file):
    every = [pairs.load(f"pairs:{file}", name).references() for name in pairs.SPLITS]
    (found,) = [each["sentence 3"] for each in every if "sentence 3" in each]
    assert found == ["phrase 3", "autre phrase 3"]


def test_a_zip_is_read_as_its_file(file, tmp_path):
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        archive.write(file, "fra.txt")
        archive.writestr("_about.txt", "about")
    assert (pairs.load(f"pairs:{tmp_path / 'pairs.zip'}").sources
            == pairs.load(f"pairs:{file}").sources)


def test_the_dictionary_is_letters_to_phonemes(tmp_path):
    path = tmp_path / "cmudict.dict"
    path.write_text("aaa T R IH2 P AH0 L\ntomato(2) T AH0 M AA1 T OW2 # note\n")
    found = {}
    for split in pairs.SPLITS:
        try:
            loaded = pairs.load(f"cmudict:{path}", split)
        except ValueError:
            continue
        found |= dict(zip(loaded.sources, loaded.targets, strict=True))
    assert found == {"a a a": "T R IH2 P AH0 L", "t o m a t o": "T AH0 M AA1 T OW2"}


def test_lines_without_a_target_are_listed_or_skipped(file):
    file.write_text("\n".join([*LINES, "alone", "\tno source"]))
    check_error(lambda: pairs.load(f"pairs:{file}"), lines=[213, 214], count=2)
    assert pairs.load(f"pairs:{file}", skip_bad=True).skipped == 2


@pytest.mark.parametrize(("source", "split", "received"), [
    ("pears:x", "train", {"source": "pears:x"}), ("pairs:", "train", {"source": "pairs:"}),
    ("pairs:x", "dev", {"split": "dev"}), ("pairs:/nowhere", "train", {"file": "/nowhere"})])
def test_bad_sources(source, split, received):
    check_error(lambda: pairs.load(source, split), **received)


def test_an_empty_split_is_refused(tmp_path):
    (tmp_path / "one.tsv").write_text("a\tb\n")
    other = next(split for split, (first, last) in pairs.SPLITS.items()
                 if not first <= hundredth("a") < last)
    check_error(lambda: pairs.load(f"pairs:{tmp_path / 'one.tsv'}", other), split=other)


def test_long_texts_are_cut_with_one_warning():
    known = learn(["a b c d e"], 11, words=True)
    with pytest.warns(UserWarning, match=r"1 of 2 texts were cut to 3 tokens, 2 tokens in all"):
        long, short = pairs.encode(["a b c d", "e"], known, 3)
    assert (len(long), len(short), long[-1]) == (3, 2, END)


def sequences(rng, count):
    return [[np.array([*front, *rng.integers(4, 50, rng.integers(1, 13)), END], "int32")
             for _ in range(count)] for front in ([], [START])]


@pytest.fixture
def batches(rng):
    sources, targets = sequences(rng, 53)
    return lambda **options: pairs.PairBatches(sources, targets, 8, **options), sources, targets


def test_an_epoch_holds_every_pair_once(batches):
    make, sources, targets = batches
    made = make(seed=3)
    seen = []
    for step in range(made.steps_per_epoch):
        inputs, labels, weights = made[step]
        for source, tokens, label, weight in zip(
                inputs["source"], inputs["tokens"], labels, weights, strict=True):
            if source.any():
                seen.append((tuple(source[source > 0]), (*tokens[tokens > 0], END)))
                np.testing.assert_array_equal(weight > 0, label > 0)
                np.testing.assert_array_equal(tokens[1:][label[:-1] != END],
                                              label[:-1][label[:-1] != END])
    assert sorted(seen) == sorted(
        (tuple(source), tuple(target)) for source, target in zip(sources, targets, strict=True))


def test_mean_over_positions_is_the_mean_over_real_tokens(batches):
    make, *_ = batches
    _, labels, weights = make(seed=3)[6]  # the last batch, which is not full
    losses = np.random.default_rng(0).uniform(size=labels.shape)
    assert np.mean(losses * weights) == pytest.approx(np.mean(losses[labels > 0]), rel=1e-5)


def test_validation_batches_weigh_all_tokens_alike(batches):
    make, _, _targets = batches
    made = make()
    total = [np.mean(weights) for _, _, weights in (made[i] for i in range(made.num_batches))]
    assert np.mean(total) == pytest.approx(1.0, rel=1e-5)
    assert made.num_batches == 7


def test_batches_follow_from_seed_and_step_alone(batches):
    make, *_ = batches
    np.testing.assert_array_equal(make(seed=5)[9][1], make(seed=5, first_step=9)[0][1])
    assert any(make(seed=5)[i][1].shape != make(seed=6)[i][1].shape
               or (make(seed=5)[i][1] != make(seed=6)[i][1]).any() for i in range(3))


def test_shares_join_to_the_whole_batch(batches):
    make, *_ = batches
    whole = make(seed=5)[6]
    parts = [make(seed=5, share=(index, 4))[6] for index in range(4)]
    for place in (1, 2):
        np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]),
                                      whole[place])


def test_batches_of_like_length_waste_little():
    sources, targets = sequences(np.random.default_rng(1), 1009)
    made = pairs.PairBatches(sources, targets, 16, seed=0)
    filled = [np.mean(made[i][1] > 0) for i in range(made.steps_per_epoch)]
    assert np.mean(filled) > 0.8


def test_bad_batches(batches):
    make, *_ = batches
    check_error(lambda: make(share=(0, 3)), batch_size=8, replicas=3)
    check_error(lambda: pairs.PairBatches([], [], 8), examples=0)


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c", "\x1e"])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_lines_end_at_line_feeds_alone_and_no_byte_order_mark_is_read(tmp_path, mark, skip_bad):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"\ufeffOne{mark}two.\tUn deux.\r\nHi.\tSalut{mark}toi.\n",
                    encoding="utf-8", newline="")
    for source, target in (("Hi.", f"Salut{mark}toi."), (f"One{mark}two.", "Un deux.")):
        read = pairs.load(f"pairs:{path}", _split(source), skip_bad)
        assert (source, target) in zip(read.sources, read.targets, strict=True)
        assert read.skipped == 0


@pytest.mark.parametrize("extra", ["__MACOSX/._fra.txt", ".DS_Store", "folder/"])
def test_a_zip_with_what_systems_leave_beside_is_read(tmp_path, extra):
    with zipfile.ZipFile(tmp_path / "pairs.zip", "w") as archive:
        archive.writestr("fra.txt", "Go.\tVa !\n" * 3)
        archive.writestr(extra, "")
    assert len(pairs.load(f"pairs:{tmp_path / 'pairs.zip'}", _split("Go."))) == 3


def _split(source):
    """The split that a source sentence falls in."""
    return next(split for split, (first, last) in pairs.SPLITS.items()
                if first <= pairs.hundredth(source) < last)
