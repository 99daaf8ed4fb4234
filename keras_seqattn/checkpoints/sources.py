"""All families of checkpoints, in the order in which `load` tries them.

A checkpoint that two families know is of the first: a captioner of Hugging Face has a ViT inside.
"""

from keras_seqattn.checkpoints.families import (
    big_vision,
    bit,
    google,
    huggingface_vit,
    image_gpt,
    openai,
    own,
    timm,
    torchvision,
    vision_encoder_decoder,
)

SOURCES = {family.name: family for family in (
    own.FAMILY,
    google.FAMILY,
    big_vision.FAMILY,
    vision_encoder_decoder.FAMILY,
    huggingface_vit.FAMILY,
    image_gpt.FAMILY,
    timm.FAMILY,
    torchvision.FAMILY,
    bit.FAMILY,
    openai.FAMILY,
)}
