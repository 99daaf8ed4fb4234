"""`keras_seqattn.training.vit_paper.published`: each cell's plan and published number."""

import pytest

from keras_seqattn.data.catalogue import CATALOGUE
from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.train_section import TrainSection
from keras_seqattn.training.vit_paper.published import DATASETS, MODELS, PUBLISHED, plans

CELLS = [(dataset, model) for dataset in DATASETS for model in MODELS]


@pytest.mark.parametrize(("dataset", "model"), CELLS)
def test_each_cell_has_a_plan_and_a_published_number(dataset, model):
    mean, deviation = DATASETS[dataset]["published"][model]
    assert 70 < mean < 100
    assert deviation is None or 0 <= deviation < 2
    chosen = plans(dataset, model)
    assert len(chosen) == (19 if dataset == "vtab" else 1)
    for task, plan in chosen.items():
        assert plan.source.removeprefix("tfds:") in CATALOGUE
        assert plan.test_source == f"tfds:{task}"
        train = TrainSection.model_validate(plan.train)
        assert (train.optimizer, train.momentum, train.batch_size) == ("sgd", 0.9, 512)
        assert train.weight_decay == train.label_smoothing == 0
        assert train.clip_norm is None


def test_no_other_cell_is_published():
    for row in DATASETS.values():
        assert set(row["published"]) == set(MODELS)
    assert len(CELLS) == 28


def test_the_first_two_accuracies_of_the_abstract():
    """Section 1 quotes 88.55, 90.72, 94.55 and 77.63 of the best model."""
    quoted = [DATASETS[each]["published"]["vit_h14"][0]
              for each in ("imagenet2012", "imagenet2012_real", "cifar100", "vtab")]
    assert quoted == [88.55, 90.72, 94.55, 77.63]


@pytest.mark.parametrize(("dataset", "steps", "rates"), [
    ("imagenet2012", 20000, (0.003, 0.01, 0.03, 0.06)),
    ("cifar10", 10000, (0.001, 0.003, 0.01, 0.03)),
    ("cifar100", 10000, (0.001, 0.003, 0.01, 0.03)),
    ("oxford_iiit_pet", 500, (0.001, 0.003, 0.01, 0.03)),
    ("oxford_flowers102", 500, (0.001, 0.003, 0.01, 0.03)),
    ("vtab/dtd", 2500, (0.01,))])
def test_fine_tuning_of_the_papers_table_4(dataset, steps, rates):
    plan = plans(dataset, "vit_l16")[dataset]
    train = TrainSection.model_validate(plan.train)
    assert (train.steps, plan.learning_rates) == (steps, rates)
    assert train.steps % train.epochs == 0
    assert (train.schedule, train.warmup, train.clip_all) == ("cosine", 0.0, 1.0)
    imagenet = dataset == "imagenet2012"
    assert plan.side == (512 if imagenet else 384)
    assert train.average == (0.9999 if imagenet else None)
    assert "flip" in plan.augment


def test_patches_of_14_fit_the_images():
    assert plans("imagenet2012", "vit_h14")["imagenet2012"].side == 518 == 37 * 14
    assert plans("cifar10", "vit_h14")["cifar10"].side == 378 == 384 // 14 * 14


@pytest.mark.parametrize(("dataset", "side", "augment", "steps", "drops"), [
    ("imagenet2012", 480, ("crop_480_of_512", "flip", "light_mixup"), 20000, (0.3, 0.6, 0.9)),
    ("cifar10", 128, ("crop_128_of_160", "flip", "light_mixup"), 10000, (0.3, 0.6, 0.9)),
    ("oxford_iiit_pet", 480, ("crop_480_of_512", "flip"), 500, (0.4, 0.6, 0.8)),
    ("vtab/svhn", 128, ("crop_128_of_160",), 500, (0.4, 0.6, 0.8)),
    ("vtab/kitti_distance", 480, (), 500, (0.4, 0.6, 0.8))])
def test_a_bit_follows_its_own_rule(dataset, side, augment, steps, drops):
    plan = plans(dataset, "bit_r152x4")[dataset]
    assert (plan.side, plan.augment, plan.learning_rates) == (side, augment, (0.003,))
    train = TrainSection.model_validate(plan.train)
    assert (train.schedule, train.steps, train.drops) == ("staircase", steps, drops)
    assert round(train.warmup * train.steps) == (100 if steps == 500 else 500)
    assert train.clip_all is None


def test_no_structured_task_is_mirrored_or_cropped():
    chosen = plans("vtab", "vit_h14")
    assert [task for task, plan in chosen.items() if not plan.augment] == [
        f"vtab/{name}" for name in (
            "clevr_count", "clevr_distance", "dmlab", "dsprites_location", "dsprites_orientation",
            "smallnorb_azimuth", "smallnorb_elevation", "kitti_distance")]
    special = PUBLISHED["vtab"]
    for name in (*special["unchanged"], *special["not_mirrored"], *special["small_images"]):
        assert f"vtab/{name}" in CATALOGUE


def test_real_is_measured_on_the_runs_of_imagenet():
    plan, = plans("imagenet2012_real", "vit_l16").values()
    imagenet, = plans("imagenet2012", "vit_l16").values()
    assert (plan.source, plan.test_source) == ("tfds:imagenet2012", "tfds:imagenet2012_real")
    assert (plan.train, plan.learning_rates, plan.side) == (
        imagenet.train, imagenet.learning_rates, 512)


def test_the_last_training_is_on_all_but_the_test_images():
    plan, = plans("cifar10", "vit_l16").values()
    assert plan.data(last=False)["split"] == "train"
    assert plan.data(last=False)["validation"] == "split"
    assert plan.data(last=True)["split"] == "train+validation"
    assert plan.data(last=True)["validation"] == 0
    other, = plans("pack:some.npz").values()
    assert (other.data(False)["split"], other.data(False)["validation"]) == ("train", 0.1)
    assert (other.data(True)["split"], other.data(True)["validation"]) == ("train", 0)


def test_what_is_changed_takes_the_papers_place():
    plan, = plans("imagenet2012", "vit_l16", steps=33, side=64, learning_rates=(0.5, 0.7),
                  batch_size=12).values()
    assert (plan.side, plan.learning_rates) == (64, (0.5, 0.7))
    assert (plan.train["steps"], plan.train["epochs"], plan.train["batch_size"]) == (33, 3, 12)


def test_a_batch_in_parts_is_the_same_training():
    whole, = plans("imagenet2012", "vit_l16").values()
    parts, = plans("imagenet2012", "vit_l16", accumulate=8).values()
    assert (parts.train["batch_size"], parts.train["steps"]) == (64, 160_000)
    assert parts.train["average"] ** 8 == pytest.approx(whole.train["average"])
    check_error(lambda: plans("cifar10", "vit_l16", accumulate=7), accumulate=7, batch_size=512)


def test_names_that_are_not_known():
    check_error(lambda: plans("cifar", "vit_l16"), dataset="cifar")
    check_error(lambda: plans("cifar10", "vit_l14"), model="vit_l14")
