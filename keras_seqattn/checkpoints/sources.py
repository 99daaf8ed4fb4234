"""All families of checkpoints, in the order in which `load` tries them.

A checkpoint that two families know is of the first: a captioner of Hugging Face has a ViT inside.
"""

from keras_seqattn.checkpoints.families import (
    beit,
    big_vision,
    bit,
    clip,
    dinov2,
    google,
    huggingface_bit,
    huggingface_vit,
    image_gpt,
    keras_hub,
    openai,
    own,
    siglip,
    timm,
    torchvision,
    vision_encoder_decoder,
    vit_pytorch,
)

SOURCES = {family.name: family for family in (
    own.FAMILY,
    google.FAMILY,
    big_vision.FAMILY,
    vision_encoder_decoder.FAMILY,
    dinov2.FAMILY,
    beit.FAMILY,
    huggingface_vit.FAMILY,
    clip.FAMILY,
    siglip.FAMILY,
    vit_pytorch.FAMILY,
    keras_hub.FAMILY,
    image_gpt.FAMILY,
    timm.FAMILY,
    torchvision.FAMILY,
    bit.FAMILY,
    huggingface_bit.FAMILY,
    openai.FAMILY,
)}
