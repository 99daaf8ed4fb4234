"""Backbones of KerasHub, built as small as they go: models that nobody here wrote.

`BACKBONES` has one row per architecture: the class, its sizes, and the length of a text or the
image that it reads. What a row leaves out is what the class takes by default.
"""

import math

import keras
import numpy as np

LENGTH, TARGET_LENGTH, VOCABULARY = 11, 7, 31
TEXT = {"vocabulary_size": VOCABULARY, "num_layers": 2, "num_heads": 2, "hidden_dim": 16,
        "intermediate_dim": 23}
DECODER = {"vocabulary_size": VOCABULARY, "num_layers": 2, "num_query_heads": 4,
           "num_key_value_heads": 2, "hidden_dim": 16, "intermediate_dim": 23}
LONGER = {"max_sequence_length": 17}    # a table of more positions than are read
IMAGE = {"image_shape": (32, 32, 3)}
VISION = {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, **IMAGE}

BACKBONES = {
    "albert": ("AlbertBackbone", {**TEXT, **LONGER, "embedding_dim": 13}),
    "bart": ("BartBackbone", {**TEXT, **LONGER}),
    "bert": ("BertBackbone", {**TEXT, **LONGER}),
    "bloom": ("BloomBackbone", TEXT),
    "deberta": ("DebertaV3Backbone", {**TEXT, **LONGER, "bucket_size": 4}),
    "distil_bert": ("DistilBertBackbone", {**TEXT, **LONGER}),
    "electra": ("ElectraBackbone", {
        **{key: size for key, size in TEXT.items() if key != "vocabulary_size"}, **LONGER,
        "vocab_size": VOCABULARY, "embedding_dim": 13}),
    "esm": ("ESMBackbone", {**TEXT, **LONGER}),
    "esm_absolute": ("ESMBackbone", {
        **TEXT, **LONGER, "position_embedding_type": "absolute", "use_pre_layer_norm": True}),
    "falcon": ("FalconBackbone", {
        **{key: size for key, size in TEXT.items() if key != "num_heads"},
        "num_attention_heads": 2}),
    "f_net": ("FNetBackbone", {
        **{key: size for key, size in TEXT.items() if key != "num_heads"}, **LONGER}),
    "gemma": ("GemmaBackbone", {**DECODER, "head_dim": 6}),
    "gemma_2": ("GemmaBackbone", {
        **DECODER, "head_dim": 6, "use_post_ffw_norm": True, "use_post_attention_norm": True,
        "attention_logit_soft_cap": 5.0, "final_logit_soft_cap": 3.0,
        "use_sliding_window_attention": True, "sliding_window_size": 3}),
    "gemma_3": ("Gemma3Backbone", {
        **DECODER, "head_dim": 6, "image_size": 16, "use_sliding_window_attention": True,
        "sliding_window_size": 3, "use_post_ffw_norm": True, "use_post_attention_norm": True}),
    "gpt_2": ("GPT2Backbone", {**TEXT, **LONGER}),
    "gpt_neo_x": ("GPTNeoXBackbone", {**TEXT, **LONGER, "rotary_percentage": 0.5}),
    "gpt_oss": ("GptOssBackbone", {
        **DECODER, "num_experts": 3, "sliding_window": 3, "head_dim": 4}),
    "llama": ("LlamaBackbone", DECODER),
    "llama_3": ("Llama3Backbone", {
        **DECODER, "tie_word_embeddings": True, "rope_frequency_adjustment_factor": 8,
        "rope_low_freq_factor": 1, "rope_high_freq_factor": 4,
        "rope_pretraining_sequence_length": 8192}),
    "mistral": ("MistralBackbone", {**DECODER, "sliding_window": 3}),
    "mixtral": ("MixtralBackbone", {**DECODER, "num_experts": 3, "sliding_window": 5}),
    "opt": ("OPTBackbone", {**TEXT, **LONGER}),
    "phi_3": ("Phi3Backbone", DECODER),
    "qwen": ("QwenBackbone", DECODER),
    "qwen_3": ("Qwen3Backbone", {**DECODER, "head_dim": 6}),
    "qwen_moe": ("QwenMoeBackbone", {
        **DECODER, "moe_intermediate_dim": 13, "shared_expert_intermediate_dim": 11,
        "num_experts": 3, "top_k": 2}),
    "roberta": ("RobertaBackbone", {**TEXT, **LONGER}),
    "roformer": ("RoformerV2Backbone", {**TEXT, "head_size": 8}),
    "smol_lm": ("SmolLM3Backbone", {
        "vocabulary_size": VOCABULARY, "hidden_dim": 16, "intermediate_dim": 23, "num_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "attention_bias": False,
        "attention_dropout": 0.0, "rope_layer_enabled_list": [True, False],
        "layer_types": ["full_attention"] * 2, "mlp_bias": False, "layer_norm_epsilon": 1e-5,
        "max_position_embeddings": 17, "rope_theta": 10000.0, "partial_rotary_factor": 1.0}),
    "t5": ("T5Backbone", {**TEXT, "key_value_dim": 6}),
    "t5_plain": ("T5Backbone", {**TEXT, "use_gated_activation": False}),
    "t5_gemma": ("T5GemmaBackbone", {
        "vocabulary_size": VOCABULARY,
        **{f"{side}_{key}": size for side in ("encoder", "decoder") for key, size in {
            "hidden_dim": 32, "intermediate_dim": 47, "num_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "head_dim": 10,
            "layer_types": ["full_attention", "sliding_attention"]}.items()},
        "sliding_window": 3, "cross_attention_hidden_size": 32, "query_pre_attn_scalar": 10.0}),
    "whisper": ("WhisperBackbone", {
        **TEXT, "num_mels": 5, "max_encoder_sequence_length": 22,
        "max_decoder_sequence_length": 13}),
    "xlm_roberta": ("XLMRobertaBackbone", {**TEXT, **LONGER}),
    "xlnet": ("XLNetBackbone", TEXT),
    "csp_net": ("CSPNetBackbone", {
        **IMAGE, "stem_filters": 8, "stem_kernel_size": 3, "stem_strides": 1,
        "stackwise_depth": [1, 2], "stackwise_strides": [2, 2], "stackwise_num_filters": [12, 16],
        "block_type": "dark_block", "stage_type": "csp", "bottle_ratio": [0.5],
        "block_ratio": [1.0], "expand_ratio": [2.0], "stem_padding": "same"}),
    "deit": ("DeiTBackbone", {**VISION, "intermediate_dim": 23}),
    "dense_net": ("DenseNetBackbone", {**IMAGE, "stackwise_num_repeats": [2, 2], "growth_rate": 6}),
    "dino_v2": ("DINOV2Backbone", {
        **VISION, "intermediate_dim": 23, "num_register_tokens": 3,
        "position_embedding_shape": (64, 64, 3), "apply_layernorm": True}),
    "dino_v2_swiglu": ("DINOV2Backbone", {
        **VISION, "intermediate_dim": 23, "use_swiglu_ffn": True,
        "position_embedding_shape": (32, 32, 3)}),
    "dino_v3": ("DINOV3Backbone", {**VISION, "intermediate_dim": 23, "use_gated_mlp": True}),
    "efficient_net": ("EfficientNetBackbone", {
        "stackwise_kernel_sizes": [3, 5], "stackwise_num_repeats": [1, 2],
        "stackwise_input_filters": [8, 8], "stackwise_output_filters": [8, 16],
        "stackwise_expansion_ratios": [1, 4], "stackwise_squeeze_and_excite_ratios": [0.25, 0.25],
        "stackwise_strides": [1, 2], "stackwise_block_types": ["unfused", "fused"],
        "stackwise_width_coefficients": [1.0, 1.0], "stackwise_depth_coefficients": [1.0, 1.0],
        "stackwise_force_input_filters": [0, 0], "stackwise_nores_option": [False, False],
        "input_shape": (32, 32, 3), "num_features": 24}),
    "hg_net": ("HGNetV2Backbone", {
        **IMAGE, "depths": [1, 1], "embedding_size": 8, "hidden_sizes": [12, 16],
        "stem_channels": [3, 8, 8], "hidden_act": "relu", "use_learnable_affine_block": True,
        "stackwise_stage_filters": [[8, 6, 12, 1, 2, 3], [12, 6, 16, 1, 2, 5]],
        "apply_downsample": [False, True], "use_lightweight_conv_block": [False, True],
        "out_features": ["stem", "stage1", "stage2"]}),
    "mit": ("MiTBackbone", {
        **IMAGE, "layerwise_depths": [1, 1], "num_layers": 2, "layerwise_num_heads": [1, 2],
        "layerwise_sr_ratios": [2, 1], "max_drop_path_rate": 0.1,
        "layerwise_patch_sizes": [7, 3], "layerwise_strides": [4, 2], "hidden_dims": [12, 16]}),
    "mobile_net": ("MobileNetBackbone", {
        **IMAGE, "stackwise_expansion": [[24], [40, 64]], "stackwise_num_blocks": [1, 2],
        "stackwise_num_filters": [[16], [16, 16]], "stackwise_kernel_size": [[3], [5, 5]],
        "stackwise_num_strides": [[2], [2, 1]], "stackwise_se_ratio": [[None], [0.25, 0.25]],
        "stackwise_activation": [["relu"], ["hard_swish", "hard_swish"]],
        "stackwise_padding": [[1], [2, 2]], "output_num_filters": 32, "depthwise_filters": 8,
        "depthwise_stride": 2, "depthwise_residual": False, "last_layer_filter": 48,
        "squeeze_and_excite": 0.5}),
    "res_net": ("ResNetBackbone", {
        **IMAGE, "input_conv_filters": [8], "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 128], "stackwise_num_blocks": [1, 2],
        "stackwise_num_strides": [1, 2], "block_type": "bottleneck_block"}),
    "res_net_v2": ("ResNetBackbone", {
        **IMAGE, "input_conv_filters": [8], "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 128], "stackwise_num_blocks": [1, 2],
        "stackwise_num_strides": [1, 2], "block_type": "bottleneck_block",
        "use_pre_activation": True}),
    "swin": ("SwinTransformerBackbone", {
        **IMAGE, "embed_dim": 12, "depths": [2, 2], "num_heads": [2, 3], "window_size": 4,
        "patch_size": 4}),
    "vgg": ("VGGBackbone", {
        **IMAGE, "stackwise_num_repeats": [2, 2], "stackwise_num_filters": [8, 12]}),
    "vit": ("ViTBackbone", {**VISION, "mlp_dim": 23}),
    "vit_det": ("ViTDetBackbone", {
        "hidden_size": 16, "num_layers": 2, "intermediate_dim": 23, "num_heads": 2,
        "global_attention_layer_indices": [1], "image_shape": (32, 32, 3), "patch_size": 4,
        "num_output_channels": 12, "window_size": 3}),
    "xception": ("XceptionBackbone", {
        **IMAGE, "stackwise_conv_filters": [[8, 12], [16, 16], [24, 24]],
        "stackwise_pooling": [True, True, False]}),
}


def build(name):
    """A backbone of fixed sizes, with weights that differ."""
    import keras_hub

    cls, sizes = BACKBONES[name]
    keras.utils.set_random_seed(7)
    backbone = getattr(keras_hub.models, cls)(**sizes)
    inputs = {tensor.name: keras.Input(_shape(name, tensor), dtype=tensor.dtype, name=tensor.name)
              for tensor in backbone.inputs}
    reads = inputs if isinstance(backbone.input, dict) else list(inputs.values())
    model = keras.Model(reads, backbone(*reads if isinstance(reads, list) else [reads]))
    rng = np.random.default_rng(7)
    for weight in backbone.weights:
        if weight.dtype == "float32":
            weight.assign(_drawn(rng, weight))
    return model


def _drawn(rng, weight):
    name, shape = weight.path.rsplit("/", 1)[-1], tuple(weight.shape)
    if name in ("gamma", "scale") or "variance" in name:
        return rng.uniform(0.6, 1.4, shape)
    if len(shape) < 2:
        return rng.normal(scale=0.2, size=shape)
    return rng.normal(scale=1 / math.sqrt(max(math.prod(shape[:-1]), 1)) if "embed" not in name
                      else 0.5, size=shape)


def _shape(name, tensor):
    lengths = {"decoder": TARGET_LENGTH}
    length = next((size for part, size in lengths.items() if part in tensor.name), LENGTH)
    if tensor.name == "encoder_features":
        length = 2 * BACKBONES[name][1]["max_encoder_sequence_length"] // 2
    return tuple(length if size is None else size for size in tensor.shape[1:])


def examples(model, seed=3):
    """One example: ids with padding behind them, masks that say so, and numbers."""
    rng = np.random.default_rng(seed)
    drawn = {}
    for tensor in model.inputs:
        shape = (1, *tensor.shape[1:])
        if "mask" in tensor.name:
            drawn[tensor.name] = np.arange(shape[1])[None] < shape[1] - 3
        elif "segment" in tensor.name:
            drawn[tensor.name] = np.arange(shape[1])[None] > shape[1] // 2
        elif "int" in tensor.dtype:
            drawn[tensor.name] = rng.integers(1, VOCABULARY, shape)
        else:
            drawn[tensor.name] = rng.normal(size=shape)
        drawn[tensor.name] = drawn[tensor.name].astype(tensor.dtype)
    return drawn
