"""The ops of TFLite that read images by windows, or resize them."""

from keras_seqattn.edge.tflite.write.tensors import Row, fail


def windows(size: int, window: int, stride: int, padding: str, dilation: int = 1) -> int:
    """Returns how many places a window takes along an axis."""
    extent = (window - 1) * dilation + 1
    size = size if padding == "SAME" else size - extent + 1
    return -(-size // stride)


def _windowed(x, height, width, channels, padding, options):
    rows = windows(x.shape[1], height, options["strideH"], padding,
                   options.get("dilationHFactor", 1))
    columns = windows(x.shape[2], width, options["strideW"], padding,
                      options.get("dilationWFactor", 1))
    if len(x.shape) != 4 or rows < 1 or columns < 1:
        fail("a window must fit into the image", image=x.shape, window=(height, width),
             padding=padding)
    return [((x.shape[0], rows, columns, channels), x.dtype)]


def _conv(x, kernel, bias=None, *, padding, **options):
    features, height, width, channels = kernel.shape
    if x.shape[-1] != channels:
        fail("a kernel must fit the image's channels", image=x.shape, kernel=kernel.shape)
    return _windowed(x, height, width, features, padding, options)


def _depthwise(x, kernel, bias=None, *, padding, **options):
    _, height, width, features = kernel.shape
    if x.shape[-1] * options["depthMultiplier"] != features:
        fail("a kernel must fit the image's channels", image=x.shape, kernel=kernel.shape)
    return _windowed(x, height, width, features, padding, options)


def _pool(x, *, padding, filterHeight, filterWidth, **options):
    return _windowed(x, filterHeight, filterWidth, x.shape[-1], padding, options)


def _conv_transpose(shape, kernel, x, bias=None, **_):
    made = tuple(int(size) for size in shape.array)
    if kernel.shape[0] != made[-1] or kernel.shape[-1] != x.shape[-1]:
        fail("a kernel must fit the image's channels", image=x.shape, kernel=kernel.shape)
    return [(made, x.dtype)]


def _resize(x, size, **_):
    return [((x.shape[0], *(int(each) for each in size.array), x.shape[3]), "float32")]


WINDOW_OPS = {
    "CONV_2D": Row(_conv, "Conv2DOptions"),
    "DEPTHWISE_CONV_2D": Row(_depthwise, "DepthwiseConv2DOptions"),
    "TRANSPOSE_CONV": Row(_conv_transpose, "TransposeConvOptions"),
    "MAX_POOL_2D": Row(_pool, "Pool2DOptions"),
    "AVERAGE_POOL_2D": Row(_pool, "Pool2DOptions"),
    "RESIZE_BILINEAR": Row(_resize, "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": Row(_resize, "ResizeNearestNeighborOptions"),
}
