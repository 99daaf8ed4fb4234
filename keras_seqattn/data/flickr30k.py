"""Flickr30k for tensorflow-datasets, which has no such set: photographs with five captions each.

Papers: Young et al. 2014. The splits are those of Karpathy and Li 2015, with 29,000 pictures for
training, 1,014 for validation and 1,000 for testing.

Importing this module makes the set known to `tfds.builder`. `data.prepare("tfds:flickr30k")`
prepares it.
"""

import json

import tensorflow_datasets as tfds

from keras_seqattn.errors import explain


class Flickr30k(tfds.core.GeneratorBasedBuilder):
    """Builds the set from a folder with `dataset_flickr30k.json` and `flickr30k-images/`."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "The folder must hold `flickr30k-images/`, which is sent on request by "
        "https://shannon.cs.illinois.edu/DenotationGraph/, and `dataset_flickr30k.json` from "
        "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip.")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Photographs of people and animals, each with five English captions.",
            homepage="https://shannon.cs.illinois.edu/DenotationGraph/",
            features=tfds.features.FeaturesDict({
                "image": tfds.features.Image(encoding_format="jpeg"),
                "captions": tfds.features.Sequence(tfds.features.Text()),
                "file_name": tfds.features.Text(),
            }))

    def _split_generators(self, dl_manager):
        folder = dl_manager.manual_dir
        images = json.loads((folder / "dataset_flickr30k.json").read_text())["images"]
        return {name: self._generate_examples(
                    folder / "flickr30k-images",
                    [image for image in images if image["split"] == split])
                for name, split in (("train", "train"), ("validation", "val"), ("test", "test"))}

    def _generate_examples(self, folder, images):
        for image in images:
            file = folder / image["filename"]
            if not file.exists():
                raise ValueError(explain(
                    "every image of `dataset_flickr30k.json` must be there", file=str(file),
                    fix="unpack all of the archive of images"))
            yield image["filename"], {
                "image": file,
                "captions": [sentence["raw"] for sentence in image["sentences"]],
                "file_name": image["filename"],
            }
